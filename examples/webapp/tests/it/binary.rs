// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The program: the command line, the environment and a `.env` file, the emulator, and a clean end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::app::http;
use crate::support::{KEY, Service, play, video};
use overshoot_webapp::VARIABLES;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program, without the variables of this environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overshoot-webapp"));
    command
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("BACKEND_PORT", "0")
        .stdin(Stdio::null());
    for (name, _) in VARIABLES.iter().filter(|(name, _)| *name != "BACKEND_PORT") {
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
fn without_a_key_it_ends_with_the_way_out() {
    let folder = TempDir::new().expect("a folder");
    let error = fails(&mut program(folder.path()));
    assert!(
        error.contains("OVERSHOOT_API_KEY is not set. Set it to your key")
            && error.contains("--emulator"),
        "{error}"
    );
    let error = fails(program(folder.path()).env("OVERSHOOT_API_URL", "https://example.org/v1"));
    assert!(error.contains("Set OVERSHOOT_API_KEY to a key"), "{error}");
}

#[test]
fn the_emulator_answers_if_it_is_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let app = Running::start(program(folder.path()).arg("--emulator"));
    assert!(
        app.printed.contains("ALL ANSWERS ARE INVENTED")
            && app
                .printed
                .contains("set OVERSHOOT_API_KEY and start without --emulator"),
        "{}",
        app.printed
    );
    play(async {
        let health = app.health().await;
        assert_eq!(health["service"], "emulator");
        let who = json!({"name": "emulator", "emulator": true, "api": "v0.2"});
        assert_eq!(health["answers_from"], who);
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
        let session = http.get(format!("{}/sessions/{id}", app.url));
        let session: Value = session
            .send()
            .await
            .expect("it answers")
            .json()
            .await
            .expect("JSON");
        assert_eq!(session["answers_from"], who);
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
    let wrong = [
        ("BACKEND_PORT", "many"),
        ("OVERSHOOT_API_KEY", "Bearer key"),
        ("OVERSHOOT_API_URL", "example.org"),
    ];
    let error = fails(program(folder.path()).envs(wrong));
    assert!(error.contains("3 settings are wrong"), "{error}");
    for (name, _) in wrong {
        assert!(error.contains(&format!("- {name}")), "{error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let error = fails(
        program(folder.path())
            .arg("--emulator")
            .env("BACKEND_PORT", &port),
    );
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

#[test]
fn the_command_line_explains_itself() {
    let folder = TempDir::new().expect("a folder");
    let run = |argument: &str| {
        let output = program(folder.path()).arg(argument).output();
        let output = output.expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (worked, help, _) = run("--help");
    assert!(worked && help.contains("--emulator"), "{help}");
    for (name, _) in VARIABLES {
        assert!(help.contains(name), "{name}: {help}");
    }
    let (worked, version, _) = run("--version");
    let expected = format!("overshoot-webapp {}\n", env!("CARGO_PKG_VERSION"));
    assert!(worked && version == expected, "{version}");
    let (worked, _, error) = run("--emulate");
    assert!(
        !worked && error.contains("unexpected argument '--emulate'"),
        "{error}"
    );
}

#[test]
fn uploads_of_a_killed_program_are_removed_at_the_next_start() {
    let folder = TempDir::new().expect("a folder");
    let folders = || {
        std::fs::read_dir(folder.path())
            .expect("it is there")
            .count()
    };
    let mut killed = Running::start(program(folder.path()).arg("--emulator"));
    let running = Running::start(program(folder.path()).arg("--emulator"));
    // They print their address before they have their folders.
    play(async { (killed.health().await, running.health().await) });
    killed.process.kill().expect("it runs");
    killed.process.wait().expect("it is ours");
    assert_eq!(folders(), 2);
    // Young folders stay.
    for entry in std::fs::read_dir(folder.path()).expect("it is there") {
        let folder = std::fs::File::open(entry.expect("an entry").path()).expect("a folder");
        let old = std::time::SystemTime::now() - Duration::from_secs(60);
        folder.set_modified(old).expect("it is ours");
    }
    let next = Running::start(program(folder.path()).arg("--emulator"));
    play(next.health());
    assert_eq!(folders(), 2);
    let (_, printed) = next.terminate();
    assert!(
        printed.contains("the uploads of 1 earlier runs were removed"),
        "{printed}"
    );
    assert!(running.terminate().0.success());
    assert_eq!(folders(), 0);
}
