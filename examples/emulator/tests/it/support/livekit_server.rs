// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A real livekit-server on loopback.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const API_KEY: &str = "devkey";
pub const SECRET: &str = "a-secret-of-thirty-two-characters";

/// The path of its binary; without it, the reason is printed and the test does nothing.
pub fn binary() -> Option<String> {
    let binary = std::env::var("OVERSHOOT_TEST_LIVEKIT").ok();
    if binary.is_none() {
        println!("skipped: OVERSHOOT_TEST_LIVEKIT names no livekit-server");
    }
    binary
}

/// A running server. Dropping it kills it.
pub struct LivekitServer {
    child: Child,
    pub url: String,
}

impl LivekitServer {
    /// The settings for an emulator that makes its rooms here.
    pub fn settings(&self) -> overshoot_emulator::LivekitServer {
        overshoot_emulator::LivekitServer {
            url: self.url.clone(),
            key: API_KEY.to_owned(),
            secret: SECRET.to_owned(),
        }
    }

    pub fn start(binary: &str) -> Self {
        // livekit-server does not accept port 0, so free ports are searched, again if another process was
        // faster.
        for _ in 0..5 {
            let (http, tcp, udp) = free_ports();
            let config = format!(
                "port: {http}\nbind_addresses: [127.0.0.1]\nlogging: {{level: error}}\n\
                 keys: {{{API_KEY}: {SECRET}}}\n\
                 rtc: {{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, \
                 enable_loopback_candidate: true, interfaces: {{includes: [lo]}}}}\n"
            );
            let mut child = Command::new(binary)
                .args(["--config-body", &config])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("livekit-server");
            let deadline = Instant::now() + super::PATIENCE;
            while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
                if TcpStream::connect(("127.0.0.1", http)).is_ok() {
                    let url = format!("ws://127.0.0.1:{http}");
                    return LivekitServer { child, url };
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("livekit-server did not start");
    }
}

impl Drop for LivekitServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> (u16, u16, u16) {
    let tcp = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let [http, tcp] = tcp.map(|listener| listener.local_addr().expect("an address").port());
    (http, tcp, udp.local_addr().expect("an address").port())
}
