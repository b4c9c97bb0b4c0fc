// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The program: the environment and a `.env` file, the emulator without a key, and a clean end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::app::http;
use crate::support::{KEY, Service, play, video};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program, without the variables of this environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overshoot-webapp"));
    command
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("BACKEND_PORT", "0")
        .stdin(Stdio::null());
    for name in [
        "OVERSHOOT_API_KEY",
        "OVERSHOOT_API_URL",
        "BACKEND_HOST",
        "BACKEND_ALLOWED_HOSTS",
    ] {
        command.env_remove(name);
    }
    command
}

struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// The output up to the line with the address.
    printed: String,
    url: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut printed = String::new();
        while !printed.contains("listening on ") {
            let read = stdout.read_line(&mut printed).expect("text");
            assert!(read > 0, "it ended: {printed}");
        }
        let (_, url) = printed
            .trim()
            .rsplit_once("listening on ")
            .expect("its address");
        Self {
            url: url.to_owned(),
            process,
            stdout,
            printed,
        }
    }

    async fn health(&self) -> Value {
        let response = http().get(&self.url).send().await.expect("it answers");
        response.json().await.expect("JSON")
    }

    /// Sends SIGTERM. Returns the exit status and the whole output.
    fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("kill runs").success());
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("it is ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut printed = self.printed.clone();
        self.stdout.read_to_string(&mut printed).expect("text");
        let mut stderr = self.process.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut printed).expect("text");
        (status, printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("it starts");
    assert!(!status.success());
    String::from_utf8(stderr).expect("text")
}

#[test]
fn without_a_key_it_asks_its_own_emulator() {
    let folder = TempDir::new().expect("a folder");
    let app = Running::start(&mut program(folder.path()));
    assert!(
        app.printed.contains("an emulator on this machine"),
        "{}",
        app.printed
    );
    play(async {
        assert_eq!(app.health().await["service"], "emulator");
        let http = http();
        let bytes = std::fs::read(video("bikes.mp4")).expect("it is there");
        let part = reqwest::multipart::Part::bytes(bytes).file_name("bikes.mp4");
        let form = reqwest::multipart::Form::new().part("file", part);
        let sent = http
            .post(format!("{}/upload-video", app.url))
            .multipart(form)
            .send()
            .await;
        let uploaded: Value = sent.expect("it answers").json().await.expect("JSON");
        let id = uploaded["session_id"].as_str().expect("an id");
        let start = http.post(format!("{}/start-stream/{id}", app.url));
        let started = start
            .json(&json!({"prompt": "What?"}))
            .send()
            .await
            .expect("it answers");
        assert!(started.status().is_success());
    });
    // While the stream runs.
    let (status, printed) = app.terminate();
    assert!(status.success(), "{printed}");
    assert_eq!(printed.lines().count(), 2, "{printed}");
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("it is there")
            .count(),
        0
    );
}

#[test]
fn the_env_file_sets_what_the_environment_does_not() {
    let service = Service::start();
    let folder = TempDir::new().expect("a folder");
    let settings = format!(
        "# a comment\nOVERSHOOT_API_KEY=\"{KEY}\"\nOVERSHOOT_API_URL={}\nBACKEND_PORT=1\n",
        service.url
    );
    std::fs::write(folder.path().join(".env"), settings).expect("the folder is there");
    // The port of the environment overrides the one of the file.
    let app = Running::start(&mut program(folder.path()));
    assert!(
        app.printed.contains(&format!("asking {}", service.url)),
        "{}",
        app.printed
    );
    play(async {
        assert_eq!(app.health().await["service"], "overshoot");
        let models = http()
            .get(format!("{}/models", app.url))
            .send()
            .await
            .expect("it answers");
        assert!(models.status().is_success());
    });
    let (status, printed) = app.terminate();
    assert!(status.success(), "{printed}");
    assert!(
        printed.contains("settings are read from ") && !printed.contains(KEY),
        "{printed}"
    );
}

#[test]
fn invalid_settings_end_it_with_an_error() {
    let folder = TempDir::new().expect("a folder");
    let error = fails(program(folder.path()).env("BACKEND_PORT", "many"));
    assert!(error.contains("BACKEND_PORT=many is not a port"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let error = fails(program(folder.path()).env("BACKEND_PORT", &port));
    assert!(
        error.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{error}"
    );
    std::fs::write(
        folder.path().join(".env"),
        format!("OVERSHOOT_API_KEY='{KEY}\n"),
    )
    .expect("written");
    let error = fails(&mut program(folder.path()));
    assert!(
        error.contains("the .env file cannot be read") && !error.contains(KEY),
        "{error}"
    );
}
