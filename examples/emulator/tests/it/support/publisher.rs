// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! LiveKit's own Python SDK as a publisher: tests/setup/livekit_publisher.py.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Instant;

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/setup/livekit_publisher.py"
);

/// The Python with the SDK; without it, the reason is printed and the test does nothing.
pub fn python() -> Option<String> {
    let Ok(python) = std::env::var("OVERSHOOT_TEST_PYTHON") else {
        println!("skipped: OVERSHOOT_TEST_PYTHON names no Python (tests/run.sh sets it)");
        return None;
    };
    let has_sdk = Command::new(&python)
        .args(["-c", "import livekit.rtc"])
        .stderr(Stdio::null())
        .status();
    if !has_sdk.is_ok_and(|status| status.success()) {
        println!("skipped: {python} has no livekit SDK");
        return None;
    }
    Some(python)
}

/// A running publisher. Dropping it kills it; `leave` makes it leave the room.
pub struct Publisher {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Publisher {
    pub fn start(python: &str, url: &str, token: &str, options: &[&str]) -> Self {
        let mut child = Command::new(python)
            .arg(SCRIPT)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python");
        let mut stdin = child.stdin.take().expect("its stdin");
        writeln!(stdin, "{url}\n{token}").expect("it reads");
        let stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Publisher {
            child,
            stdin: Some(stdin),
            lines,
            reader: Some(reader),
        }
    }

    /// Waits for a line that starts with `start`, and returns the rest of it.
    pub fn says(&self, start: &str) -> String {
        let deadline = Instant::now() + super::PATIENCE;
        let mut heard = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = tokio::task::block_in_place(|| self.lines.recv_timeout(left));
            match line {
                Ok(line) => match line.strip_prefix(start) {
                    Some(rest) => return rest.trim().to_owned(),
                    None => heard.push(line),
                },
                Err(_) => panic!("it never said `{start}`, only {heard:?}"),
            }
        }
    }

    /// Makes it leave the room.
    pub fn leave(&mut self) {
        drop(self.stdin.take());
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
