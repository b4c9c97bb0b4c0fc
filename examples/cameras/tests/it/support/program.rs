// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `overshoot-cameras` as a process. Dropping it kills it.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{KEY, Service};

/// Long enough for a busy machine.
pub const WAIT: Duration = Duration::from_secs(40);

pub struct Program {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub events: Vec<Value>,
    pub stderr: String,
    pub took: Duration,
}

impl Program {
    /// Runs the cameras of a file with the key of the tests.
    pub fn run(service: &Service, file: &Path) -> Self {
        Self::spawn(command(service).arg("run").arg(file))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = Lines::of(child.stdout.take().expect("piped"));
        let stderr = Lines::of(child.stderr.take().expect("piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until the events so far meet the condition.
    pub fn wait(&self, why: &str, what: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let found = self.stdout.wait(|lines| what(&events(lines)));
        match found {
            Ok(lines) => events(&lines),
            Err(lines) => panic!(
                "waited in vain for {why}: {} events, at last {:?}; {}",
                lines.len(),
                lines.last(),
                self.log()
            ),
        }
    }

    /// Waits for a log line (stderr) that contains this text.
    pub fn wait_for_log(&self, part: &str) -> String {
        let found = |lines: &[String]| lines.iter().find(|line| line.contains(part)).cloned();
        match self.stderr.wait(|lines| found(lines).is_some()) {
            Ok(lines) => found(&lines).expect("it was there"),
            Err(lines) => panic!("waited in vain for {part}: {lines:#?}"),
        }
    }

    /// Waits for this many such lines.
    pub fn wait_for_logs(&self, part: &str, count: usize) {
        let found = |lines: &[String]| lines.iter().filter(|line| line.contains(part)).count();
        if let Err(lines) = self.stderr.wait(|lines| found(lines) >= count) {
            panic!("waited in vain for {count} times {part}: {lines:#?}");
        }
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Value> {
        events(&self.stdout.all())
    }

    pub fn log(&self) -> String {
        self.stderr.all().join("\n")
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(self) -> Finished {
        self.signal("TERM");
        self.finish()
    }

    /// Waits until the program ends by itself.
    pub fn finish(mut self) -> Finished {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(start.elapsed() < WAIT, "it does not end: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        };
        let took = start.elapsed();
        Finished {
            status,
            events: events(&self.stdout.rest()),
            stderr: self.stderr.rest().join("\n"),
            took,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, with the address and the key of the service.
pub fn command(service: &Service) -> Command {
    let mut command = bare();
    command
        .env("OVERSHOOT_API_URL", &service.url)
        .env("OVERSHOOT_API_KEY", KEY);
    command
}

/// The program without a service.
pub fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overshoot-cameras"));
    command
        .env_remove("OVERSHOOT_API_URL")
        .env_remove("OVERSHOOT_API_KEY")
        .env("NO_PROXY", "127.0.0.1");
    command
}

fn events(lines: &[String]) -> Vec<Value> {
    let event = |line: &String| serde_json::from_str(line).expect("each line is JSON");
    lines.iter().map(event).collect()
}

/// The answers of one camera.
pub fn answers_of<'a>(events: &'a [Value], camera: &str) -> Vec<&'a Value> {
    let of = |event: &&Value| event["camera"] == camera && event["event"] == "answer";
    events.iter().filter(of).collect()
}

/// The newest status event of a camera.
pub fn status_of<'a>(events: &'a [Value], camera: &str) -> Option<&'a Value> {
    let of = |event: &&Value| event["camera"] == camera && event["event"] == "status";
    events.iter().rfind(of)
}

/// The cameras with at least one answer.
pub fn answered(events: &[Value]) -> HashSet<&str> {
    events
        .iter()
        .filter(|event| event["event"] == "answer")
        .filter_map(|event| event["camera"].as_str())
        .collect()
}

/// The lines that a process has printed. They are always read, because a full pipe would block the process.
struct Lines {
    shared: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let written = shared.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                written.0.lock().expect("no panic").push(line);
                written.1.notify_all();
            }
        });
        Self {
            shared,
            reader: Some(reader),
        }
    }

    fn wait(&self, what: impl Fn(&[String]) -> bool) -> Result<Vec<String>, Vec<String>> {
        let lines = self.shared.0.lock().expect("no panic");
        let (lines, timeout) = self
            .shared
            .1
            .wait_timeout_while(lines, WAIT, |lines| !what(lines))
            .expect("no panic");
        match timeout.timed_out() {
            false => Ok(lines.clone()),
            true => Err(lines.clone()),
        }
    }

    fn all(&self) -> Vec<String> {
        self.shared.0.lock().expect("no panic").clone()
    }

    /// All lines, once the process has ended.
    fn rest(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it reads");
        }
        self.all()
    }
}
