//! The benchmark still builds and runs. What it measures here counts for nothing: it is much too short.

use std::process::Command;

#[test]
fn the_benchmark_runs() {
    let output = Command::new("bash")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.sh"))
        .args([
            "--runs",
            "1",
            "--seconds",
            "1",
            "--only",
            "floor-pass720,target6,pass720",
        ])
        // Without webrtcsink, which takes minutes to build, and as the tests are built.
        .env("OVERSHOOT_BENCH_FEATURES", "")
        .env("OVERSHOOT_BENCH_PROFILE", "dev")
        .output()
        .expect("bash runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!("{stdout}");
    for row in ["floor: H.264 720p30", "target-fps=6", "passed through"] {
        let row = stdout.lines().find(|line| line.contains(row));
        let cells: Vec<_> = row.map_or(Vec::new(), |row| row.split('|').map(str::trim).collect());
        assert!(
            cells.len() > 8 && !cells[2].is_empty(),
            "{stdout}\n{stderr}"
        );
    }
    assert!(
        stdout.contains("PLAYING to the first RTP, passthrough, in ms"),
        "{stdout}"
    );
}
