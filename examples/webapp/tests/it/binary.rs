//! The program: what the environment and a `.env` file say, the emulator where there is no key, and
//! an end in order.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::app::http;
use crate::support::{KEY, Service, play, video};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing of this environment gets into it.
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
    /// What it printed up to its address.
    told: String,
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
        let mut told = String::new();
        while !told.contains("listening on ") {
            let read = stdout.read_line(&mut told).expect("text");
            assert!(read > 0, "it ended: {told}");
        }
        let (_, url) = told
            .trim()
            .rsplit_once("listening on ")
            .expect("its address");
        Self {
            url: url.to_owned(),
            process,
            stdout,
            told,
        }
    }

    async fn health(&self) -> Value {
        let response = http().get(&self.url).send().await.expect("it answers");
        response.json().await.expect("JSON")
    }

    /// Asks it to end; how it did, and all that it printed.
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
        let mut printed = self.told.clone();
        self.stdout.read_to_string(&mut printed).expect("text");
        let mut stderr = self.process.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut printed).expect("text");
        (status, printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
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
fn without_a_key_it_asks_an_emulator_of_its_own() {
    let folder = TempDir::new().expect("a folder");
    let app = Running::start(&mut program(folder.path()));
    assert!(
        app.told.contains("an emulator on this machine"),
        "{}",
        app.told
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
        let told: Value = sent.expect("it answers").json().await.expect("JSON");
        let id = told["session_id"].as_str().expect("an id");
        let start = http.post(format!("{}/start-stream/{id}", app.url));
        let started = start
            .json(&json!({"prompt": "What?"}))
            .send()
            .await
            .expect("it answers");
        assert!(started.status().is_success());
    });
    // In the midst of it.
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
fn a_file_sets_what_the_environment_does_not() {
    let service = Service::start();
    let folder = TempDir::new().expect("a folder");
    let settings = format!(
        "# a comment\nOVERSHOOT_API_KEY=\"{KEY}\"\nOVERSHOOT_API_URL={}\nBACKEND_PORT=1\n",
        service.url
    );
    std::fs::write(folder.path().join(".env"), settings).expect("the folder is there");
    // The environment's port comes before the file's.
    let app = Running::start(&mut program(folder.path()));
    assert!(
        app.told.contains(&format!("asking {}", service.url)),
        "{}",
        app.told
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
fn what_it_can_not_start_with_is_told() {
    let folder = TempDir::new().expect("a folder");
    let told = fails(program(folder.path()).env("BACKEND_PORT", "many"));
    assert!(told.contains("BACKEND_PORT=many is no port"), "{told}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let told = fails(program(folder.path()).env("BACKEND_PORT", &port));
    assert!(
        told.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{told}"
    );
    std::fs::write(
        folder.path().join(".env"),
        format!("OVERSHOOT_API_KEY='{KEY}\n"),
    )
    .expect("written");
    let told = fails(&mut program(folder.path()));
    assert!(
        told.contains("the .env file can't be read") && !told.contains(KEY),
        "{told}"
    );
}
