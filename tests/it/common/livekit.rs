//! A real LiveKit server on ports of its own, and a subscriber by the official SDK.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use overshoot_emulator::LivekitServer;

use super::clock::code;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup/livekit_peer.py");
const KEY: &str = "devkey";
const ROOM: &str = "room";

pub struct Livekit {
    /// `host:port` of the signalling.
    pub address: String,
    program: String,
    config: String,
    secret: String,
    child: Option<Child>,
}

impl Livekit {
    /// `None` where there is no server to be started, which is printed.
    pub fn start() -> Option<Self> {
        Self::with("{}")
    }

    /// With these settings of its rooms.
    pub fn with(room: &str) -> Option<Self> {
        let Ok(program) = std::env::var("OVERSHOOT_TEST_LIVEKIT") else {
            println!(
                "skipped: OVERSHOOT_TEST_LIVEKIT is not set; `bash tests/run.sh` builds a LiveKit server where there is Go"
            );
            return None;
        };
        // Held all at once, so that they differ.
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

    /// Starts it (again), and waits until it listens.
    pub fn run(&mut self) {
        // The shell kills the server when its stdin closes: it can't outlive the test.
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
            // Nothing tells that it listens.
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it without a word to anyone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// For an emulator that has its rooms here.
    pub fn server(&self) -> LivekitServer {
        LivekitServer {
            url: self.url(),
            key: KEY.to_owned(),
            secret: self.secret.clone(),
        }
    }

    /// A token that is good for an hour.
    pub fn token(&self, identity: &str) -> String {
        self.token_with(identity, 3600, &[])
    }

    /// `grants` are those of LiveKit's tokens, such as `canPublish=false`.
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

    /// What makes the element publish as this participant.
    pub fn properties(&self, identity: &str) -> String {
        format!(
            "livekit-url={} livekit-token={}",
            self.url(),
            self.token(identity)
        )
    }

    /// Watches what is published, once that works.
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

/// A frame that a subscriber decoded.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub identity: String,
    pub size: (u32, u32),
    /// The text of the code in the picture, where there is one that can be read.
    pub code: Option<String>,
}

/// Watches all that is published.
pub struct Watcher {
    child: Child,
    shared: Arc<Mutex<Watched>>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
pub struct Watched {
    pub frames: Vec<Seen>,
    /// Comings and goings.
    pub lines: Vec<String>,
}

impl Watched {
    pub fn of(&self, identity: &str) -> impl Iterator<Item = &Seen> {
        self.frames
            .iter()
            .filter(move |seen| seen.identity == identity)
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
        let shared = Arc::<Mutex<Watched>>::default();
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || read(output, &shared))
        };
        let watcher = Self {
            child,
            shared,
            reader: Some(reader),
        };
        watcher.wait("the room", Duration::from_secs(20), |seen| {
            seen.lines.iter().any(|line| line == "watching")
        });
        watcher
    }

    pub fn seen(&self) -> Watched {
        self.shared.lock().expect("no panic").clone()
    }

    /// Waits until `what` holds.
    pub fn wait(&self, why: &str, timeout: Duration, what: impl Fn(&Watched) -> bool) -> Watched {
        let deadline = Instant::now() + timeout;
        loop {
            {
                let seen = self.shared.lock().expect("no panic");
                if what(&seen) {
                    return seen.clone();
                }
                assert!(
                    Instant::now() < deadline,
                    "waited in vain for {why}: {} frames, {:?}",
                    seen.frames.len(),
                    seen.lines
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for so many more frames of this participant.
    pub fn wait_for_frames(&self, identity: &str, more: usize, timeout: Duration) -> Watched {
        let before = self.seen().of(identity).count();
        self.wait("frames", timeout, |seen| {
            seen.of(identity).count() >= before + more
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

fn read(mut output: impl BufRead, shared: &Mutex<Watched>) {
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
            let seen = Seen {
                at: Instant::now(),
                identity: identity.to_owned(),
                size,
                code: code(size, &luma),
            };
            shared.lock().expect("no panic").frames.push(seen);
        } else {
            let mut shared = shared.lock().expect("no panic");
            shared.lines.push(line.trim_end().to_owned());
        }
        line.clear();
    }
}
