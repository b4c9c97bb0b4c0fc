// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A real LiveKit server on its own ports, and a subscriber that uses the official SDK.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use overshoot_emulator::LivekitServer;

use super::clock::read_code;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup/livekit_peer.py");
const KEY: &str = "devkey";
const ROOM: &str = "room";

/// A LiveKit server. Dropping it kills the server.
pub struct Livekit {
    /// `host:port` of the signalling connection.
    pub address: String,
    program: String,
    config: String,
    secret: String,
    child: Option<Child>,
}

impl Livekit {
    /// Starts a server. Returns `None` and prints the reason if no server program is installed.
    pub fn start() -> Option<Self> {
        Self::with("{}")
    }

    /// Like [`Livekit::start`], with these settings for the server's rooms.
    pub fn with(room: &str) -> Option<Self> {
        let Ok(program) = std::env::var("OVERSHOOT_TEST_LIVEKIT") else {
            println!(
                "skipped: OVERSHOOT_TEST_LIVEKIT is not set; `bash tests/run.sh` builds a LiveKit server where there is Go"
            );
            return None;
        };
        // All sockets are open at the same time, so that their ports differ.
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [port, tcp] = sockets
            .each_ref()
            .map(|s| s.local_addr().expect("bound").port());
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let udp = socket.local_addr().expect("bound").port();
        drop((sockets, socket));
        let secret = format!("{:032x}", rand::random::<u128>());
        let config = format!(
            "{{port: {port}, bind_addresses: [127.0.0.1], keys: {{{KEY}: \"{secret}\"}}, logging: {{level: warn}}, room: {room}, \
             rtc: {{tcp_port: {tcp}, udp_port: {udp}, use_external_ip: false, node_ip: 127.0.0.1, enable_loopback_candidate: true}}}}"
        );
        let mut server = Self {
            address: format!("127.0.0.1:{port}"),
            program,
            config,
            secret,
            child: None,
        };
        server.run();
        Some(server)
    }

    /// Starts the server (again), and waits until it listens.
    pub fn run(&mut self) {
        // The shell kills the server when its own stdin closes, so the server cannot outlive the test.
        let child = Command::new("bash")
            .args(["-c", "exec 3<&0; \"$0\" --config-body \"$1\" <&- 3<&- & pid=$!; cat <&3; kill -KILL $pid; wait"])
            .args([&self.program, &self.config])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&self.address).is_err() {
            assert!(
                Instant::now() < deadline,
                "the LiveKit server does not start"
            );
            // The server prints nothing when it starts to listen.
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server, so that no client gets a message.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// The value for `livekit-url`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The settings for an emulator that makes its rooms on this server.
    pub fn server(&self) -> LivekitServer {
        LivekitServer {
            url: self.url(),
            key: KEY.to_owned(),
            secret: self.secret.clone(),
        }
    }

    /// A token that is valid for an hour.
    pub fn token(&self, identity: &str) -> String {
        self.token_with(identity, 3600, &[])
    }

    /// A token that is valid for this many seconds. `grants` are grants of LiveKit's tokens, such as
    /// `canPublish=false`.
    pub fn token_with(&self, identity: &str, seconds: i32, grants: &[&str]) -> String {
        let seconds = seconds.to_string();
        let output = Command::new(python())
            .args([SCRIPT, "token", KEY, &self.secret, identity, ROOM, &seconds])
            .args(grants)
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// The element's properties for publishing as this participant.
    pub fn properties(&self, identity: &str) -> String {
        format!(
            "livekit-url={} livekit-token={}",
            self.url(),
            self.token(identity)
        )
    }

    /// Starts a subscriber, and waits until it has joined the room.
    pub fn watch(&self) -> Watcher {
        Watcher::start(
            &self.url(),
            &self.token_with("watcher", 3600, &["canPublish=false"]),
        )
    }
}

impl Drop for Livekit {
    fn drop(&mut self) {
        self.kill();
    }
}

fn python() -> String {
    std::env::var("OVERSHOOT_TEST_PYTHON")
        .expect("OVERSHOOT_TEST_PYTHON: run the tests by `bash tests/run.sh`, which sets it up")
}

/// A frame that the subscriber decoded.
#[derive(Clone, Debug)]
pub struct DecodedFrame {
    pub at: Instant,
    pub identity: String,
    pub size: (u32, u32),
    /// The text of the QR code in the picture, if one can be read.
    pub code: Option<String>,
}

/// A subscriber process that decodes everything published in the room.
pub struct Watcher {
    child: Child,
    shared: Arc<Mutex<RoomLog>>,
    reader: Option<JoinHandle<()>>,
}

/// Everything that the subscriber has received so far.
#[derive(Clone, Debug, Default)]
pub struct RoomLog {
    pub frames: Vec<DecodedFrame>,
    /// The other lines that the subscriber process prints, such as `left camera`.
    pub lines: Vec<String>,
}

impl RoomLog {
    /// The frames of one participant.
    pub fn frames_of(&self, identity: &str) -> impl Iterator<Item = &DecodedFrame> {
        self.frames
            .iter()
            .filter(move |frame| frame.identity == identity)
    }
}

impl Watcher {
    fn start(url: &str, token: &str) -> Self {
        let mut child = Command::new(python())
            .args([SCRIPT, "watch", url, token])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let shared = Arc::<Mutex<RoomLog>>::default();
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || read(output, &shared))
        };
        let watcher = Self {
            child,
            shared,
            reader: Some(reader),
        };
        watcher.wait("the room", Duration::from_secs(20), |log| {
            log.lines.iter().any(|line| line == "watching")
        });
        watcher
    }

    /// A copy of everything received so far.
    pub fn log(&self) -> RoomLog {
        self.shared.lock().expect("no panic").clone()
    }

    /// Waits until `condition` is true.
    pub fn wait(
        &self,
        why: &str,
        timeout: Duration,
        condition: impl Fn(&RoomLog) -> bool,
    ) -> RoomLog {
        let deadline = Instant::now() + timeout;
        loop {
            {
                let log = self.shared.lock().expect("no panic");
                if condition(&log) {
                    return log.clone();
                }
                assert!(
                    Instant::now() < deadline,
                    "timeout while waiting for {why}: {} frames, {:?}",
                    log.frames.len(),
                    log.lines
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until this many more frames of this participant have arrived.
    pub fn wait_for_frames(&self, identity: &str, more: usize, timeout: Duration) -> RoomLog {
        let before = self.log().frames_of(identity).count();
        self.wait("frames", timeout, |log| {
            log.frames_of(identity).count() >= before + more
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads the lines and the frames that the subscriber process prints.
fn read(mut output: impl BufRead, shared: &Mutex<RoomLog>) {
    let mut line = String::new();
    while let Ok(1..) = output.read_line(&mut line) {
        let words: Vec<_> = line.trim_end().split(' ').collect();
        if let ["frame", identity, width, height] = words[..] {
            let size: (u32, u32) = (
                width.parse().expect("a width"),
                height.parse().expect("a height"),
            );
            let mut luma = vec![0; (size.0 * size.1) as usize];
            if output.read_exact(&mut luma).is_err() {
                break;
            }
            let frame = DecodedFrame {
                at: Instant::now(),
                identity: identity.to_owned(),
                size,
                code: read_code(size, &luma),
            };
            shared.lock().expect("no panic").frames.push(frame);
        } else {
            let mut shared = shared.lock().expect("no panic");
            shared.lines.push(line.trim_end().to_owned());
        }
        line.clear();
    }
}
