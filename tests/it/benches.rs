// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The benchmarks run. Their numbers mean nothing here, because the builds are debug builds and run for one second.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::Launch;

/// The command that runs the benchmarks with these arguments.
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
fn a_baseline_and_two_cases_are_measured() {
    let cases = "--only=floor-pass720,vp8,pass720";
    let mut command = benches(&["--no-webrtcsink", "--runs=1", "--seconds=1", cases]);
    let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
    println!("{}{}", finished.stderr, finished.stdout);
    // Status 2 means that a target was missed, which proves nothing here.
    let status = finished.status.code();
    assert!(matches!(status, Some(0 | 2)), "{finished:?}");

    // | case | CPU | least–most | less source | peak | threads | first RTP | first frame | delay
    // | frames/s | lost |
    let row = |name: &str| -> Vec<f64> {
        let line = finished
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("| {name}: ")))
            .unwrap_or_else(|| panic!("no row for {name}"));
        let cells = line.trim_matches('|').split('|').skip(1);
        cells
            .map(|cell| cell.trim().parse().unwrap_or(f64::NAN))
            .collect()
    };
    let baseline = row("floor-pass720");
    assert!(baseline[0] > 0.0 && baseline[5].is_nan(), "{baseline:?}");
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
fn an_unknown_case_is_rejected() {
    let mut command = benches(&["--only", "vp8,nonsense"]);
    let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("no case nonsense"),
        "{}",
        finished.stderr
    );
}
