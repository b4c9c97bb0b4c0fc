// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The table, on a real terminal.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Camera, LIVE, Service, entry, file};

/// Dropping it kills it. The program in it then loses its terminal and ends.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program in a terminal of `script` until Ctrl-C, and reads what it drew.
#[test]
fn a_terminal_shows_the_table_and_is_restored() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (folder, list) = file(&entry("gate", &rtsp.url));
    let drawn = folder.path().join("drawn");
    let program = env!("CARGO_BIN_EXE_overshoot-cameras");
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--flush", "--return", "--command"])
        .arg(format!(
            "stty cols 120 rows 24; exec {program} run {}",
            list.display()
        ))
        .arg(&drawn)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let own = crate::support::program::command(&service);
    for (name, value) in own
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        script.env(name, value);
    }
    let mut script = Script(script.spawn().expect("script runs"));
    service.wait("answers", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.answers.len() >= 5)
    });
    let deadline = Instant::now() + crate::support::program::WAIT;
    let text = loop {
        let text = String::from_utf8_lossy(&std::fs::read(&drawn).expect("drawn")).into_owned();
        if text.contains("320x240") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    for part in [
        "\u{1b}[?1049h",
        "last answer",
        "gate",
        "streaming",
        "camera;",
    ] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    assert!(
        !text.contains("{\"camera\""),
        "stdout has no lines while the table is shown"
    );
    // The byte that a terminal sends for Ctrl-C.
    let stdin = script.0.stdin.as_mut().expect("piped");
    stdin.write_all(&[3]).expect("typed");
    let status = script.0.wait().expect("script ends");
    assert!(status.success(), "{status:?}");
    let text = String::from_utf8_lossy(&std::fs::read(&drawn).expect("drawn")).into_owned();
    assert!(text.contains("\u{1b}[?1049l"), "{text:?}");
    service.assert_all_deleted();
}

#[test]
fn a_closed_terminal_ends_it_cleanly() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, list) = file(&entry("gate", &rtsp.url));
    let program = crate::support::Program::run(&service, &list);
    program.wait("answers", |events| events.len() >= 3);
    program.signal("HUP");
    let finished = program.finish();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
}
