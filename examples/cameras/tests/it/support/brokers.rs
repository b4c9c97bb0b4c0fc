// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Brokers as processes on their own ports. Dropping them kills them.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Broker {
    pub port: u16,
    child: Child,
    folder: TempDir,
}

impl Broker {
    /// Starts `mosquitto` with one user.
    pub fn mosquitto(user: &str, password: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let passwords = folder.path().join("passwords");
        let made = Command::new("mosquitto_passwd")
            .args(["-c", "-b"])
            .arg(&passwords)
            .args([user, password])
            .status();
        assert!(made.expect("mosquitto_passwd runs").success());
        let port = free_port();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nuser root\n",
            passwords.display()
        );
        std::fs::write(&config, text).expect("written");
        Self::started(run_mosquitto(folder.path()), port, folder)
    }

    /// Kills `mosquitto` and starts it again. It keeps nothing.
    pub fn restart_mosquitto(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.child = run_mosquitto(self.folder.path());
        wait(|| TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Starts `nats-server` with JetStream.
    pub fn nats() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("text");
        let child = quiet("/usr/sbin/nats-server")
            .args([
                "-js",
                "-sd",
                path,
                "-a",
                "127.0.0.1",
                "-p",
                "-1",
                "--ports_file_dir",
                path,
            ])
            .spawn()
            .expect("nats-server runs");
        let ports = folder
            .path()
            .join(format!("nats-server_{}.ports", child.id()));
        let port = wait(|| port_in(&ports));
        Self::started(child, port, folder)
    }

    fn started(child: Child, port: u16, folder: TempDir) -> Self {
        let broker = Self {
            port,
            child,
            folder,
        };
        wait(|| TcpStream::connect(("127.0.0.1", port)).ok());
        broker
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run_mosquitto(folder: &Path) -> Child {
    let mut command = quiet("/usr/sbin/mosquitto");
    let child = command.arg("-c").arg(folder.join("mosquitto.conf")).spawn();
    child.expect("mosquitto runs")
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// mosquitto does not accept port 0, so find a free port.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

fn port_in(file: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(file).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    let address = ports["nats"][0].as_str()?;
    address.rsplit(':').next()?.parse().ok()
}

fn wait<T>(what: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < deadline, "the broker does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}
