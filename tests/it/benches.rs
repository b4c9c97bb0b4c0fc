//! The benchmarks still run. What they measure says nothing here: debug builds, one second.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::Launch;

fn benches(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.sh"))
        .args(arguments)
        .env("OVERSHOOT_BENCH_PROFILE", "dev")
        .env_remove("OVERSHOOT_API_KEY")
        .env_remove("OVERSHOOT_API_URL")
        .stdin(Stdio::null());
    command
}

#[test]
fn a_floor_and_two_ways_of_sending_are_measured() {
    let cases = "--only=floor-pass720,vp8,pass720";
    let mut command = benches(&["--no-webrtcsink", "--runs=1", "--seconds=1", cases]);
    let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
    println!("{}{}", finished.stderr, finished.stdout);
    // 2: a target is not met, which proves nothing here.
    let status = finished.status.code();
    assert!(matches!(status, Some(0 | 2)), "{finished:?}");

    // | case | CPU | least–most | less source | peak | threads | first RTP | first frame | delay
    // | frames/s | lost |
    let row = |name: &str| -> Vec<f64> {
        let line = finished
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("| {name}: ")))
            .unwrap_or_else(|| panic!("no row of {name}"));
        let cells = line.trim_matches('|').split('|').skip(1);
        cells
            .map(|cell| cell.trim().parse().unwrap_or(f64::NAN))
            .collect()
    };
    let floor = row("floor-pass720");
    assert!(floor[0] > 0.0 && floor[5].is_nan(), "{floor:?}");
    for name in ["vp8", "pass720"] {
        let measured = row(name);
        let [cpu, _, _, peak, threads, packet, frame, delay, rate, _] = measured[..] else {
            panic!("{measured:?}");
        };
        assert!(cpu > 0.0 && peak > 10.0 && threads > 5.0, "{measured:?}");
        assert!(0.0 < packet && packet <= frame, "{measured:?}");
        assert!((0.0..1_000.0).contains(&delay), "{measured:?}");
        assert!((15.0..35.0).contains(&rate), "{measured:?}");
    }
    assert!(finished.stdout.contains("| not measured |"), "{finished:?}");
}

#[test]
fn a_case_that_is_not_there_is_refused() {
    let mut command = benches(&["--only", "vp8,nonsense"]);
    let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("no case nonsense"),
        "{}",
        finished.stderr
    );
}
