// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The table, on a real terminal.

use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Camera, LIVE, Service, active_streams, entry, file};

/// Dropping it kills it. The program in it then loses its terminal and ends.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const COLUMNS: NonZero<u16> = NonZero::new(120).unwrap();
const LINES: NonZero<u16> = NonZero::new(24).unwrap();

/// What a terminal shows after what `script` recorded. The text itself would not do: only cells that changed are drawn,
/// so that a word of the screen is seldom one word of the text.
struct Screen<'a> {
    recorded: &'a Path,
}

impl<'a> Screen<'a> {
    fn of(recorded: &'a Path) -> Self {
        Self { recorded }
    }

    fn read(&self) -> vt100::Screen {
        let mut parser = vt100::Parser::new(LINES, COLUMNS, 0);
        parser.process(&std::fs::read(self.recorded).expect("recorded"));
        parser.screen().clone()
    }

    /// Waits until its text is as wanted.
    fn wait(&self, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + crate::support::program::WAIT;
        loop {
            let text = self.read().contents();
            if wanted(&text) {
                return;
            }
            assert!(Instant::now() < deadline, "the screen shows:\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Runs the program in a terminal of `script`, which records what it draws.
fn run_in_terminal(service: &Service, list: &Path, drawn: &Path) -> Script {
    let program = env!("CARGO_BIN_EXE_overshoot-cameras");
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--flush", "--return", "--command"])
        .arg(format!(
            "stty cols {COLUMNS} rows {LINES}; exec {program} run {}",
            list.display()
        ))
        .arg(drawn)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let own = crate::support::program::command(service);
    for (name, value) in own
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        script.env(name, value);
    }
    Script(script.spawn().expect("script runs"))
}

#[test]
fn a_terminal_shows_the_table_reads_keys_and_is_restored() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (folder, list) = file(&entry("gate", &rtsp.url));
    let drawn = folder.path().join("drawn");
    let mut script = run_in_terminal(&service, &list, &drawn);
    service.wait("answers", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.answers.len() >= 5)
    });
    // "1 camera" was "0 cameras" before.
    let parts = ["last answer", "gate", "streaming", "320x240", "1 camera;"];
    Screen::of(&drawn).wait(|screen| parts.iter().all(|part| screen.contains(part)));
    let text = String::from_utf8_lossy(&std::fs::read(&drawn).expect("recorded")).into_owned();
    assert!(
        !text.contains("{\"camera\""),
        "stdout has no lines while the table is shown: {text:?}"
    );
    assert!(Screen::of(&drawn).read().alternate_screen());
    let mut press = |bytes: &[u8]| {
        let stdin = script.0.stdin.as_mut().expect("piped");
        stdin.write_all(bytes).expect("typed");
        stdin.flush().expect("typed");
    };
    // Enter shows the whole text of the first camera.
    press(b"\r");
    Screen::of(&drawn).wait(|screen| screen.contains("gate (streaming): 320x240"));
    // The byte that a terminal sends for Ctrl-C.
    press(&[3]);
    let status = script.0.wait().expect("script ends");
    assert!(status.success(), "{status:?}");
    let screen = Screen::of(&drawn).read();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    service.assert_all_deleted();
}

#[test]
fn a_closed_terminal_ends_it_cleanly() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (folder, list) = file(&entry("gate", &rtsp.url));
    let script = run_in_terminal(&service, &list, &folder.path().join("drawn"));
    service.wait("a stream", |seen| active_streams(seen) == 1);
    // The terminal closes with it.
    drop(script);
    service.wait("the stream is deleted", |seen| active_streams(seen) == 0);
    service.assert_all_deleted();
    let deadline = Instant::now() + crate::support::program::WAIT;
    while is_running(&list) {
        assert!(Instant::now() < deadline, "the program goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a process has this file as an argument.
fn is_running(list: &Path) -> bool {
    let wanted = list.as_os_str().as_encoded_bytes();
    let processes = std::fs::read_dir("/proc").expect("processes");
    processes
        .filter_map(|process| std::fs::read(process.ok()?.path().join("cmdline")).ok())
        .any(|line| line.split(|byte| *byte == 0).any(|word| word == wanted))
}
