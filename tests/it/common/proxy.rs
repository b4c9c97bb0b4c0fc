// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A TCP proxy in front of a service. It does what no correct server does: it inserts raw bytes into a connection,
//! closes a connection without a close frame, or stops forwarding.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::Service;

/// A running proxy.
pub struct Proxy {
    /// The value for `api-url`.
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    /// The connections that have become WebSockets: the client's end, and whether the connection is frozen.
    sockets: Mutex<Vec<(TcpStream, Arc<AtomicBool>)>>,
    /// Both ends of every connection.
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts a proxy in front of this service.
    pub fn in_front_of(service: &Service) -> Self {
        let target = service.url.trim_start_matches("http://");
        Self::new(target.trim_end_matches("/v0.2"), None)
    }

    /// Starts a proxy in front of the server at this address. Requests that start with `rejected` get a 404.
    pub fn new(target: &str, rejected: Option<&'static [u8]>) -> Self {
        let target = target.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let accepting = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut pumps = Vec::new();
                while let Ok((mut client, _)) = listener.accept() {
                    if shared.stopped.load(SeqCst) {
                        break;
                    }
                    if let Some(rejected) = rejected
                        && starts_with(&client, rejected)
                    {
                        let response = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                        client
                            .write_all(response.as_bytes())
                            .expect("the client listens");
                        continue;
                    }
                    let server = TcpStream::connect(&target).expect("the service is there");
                    let mut streams = shared.streams.lock().expect("no panic");
                    streams.extend([clone(&client), clone(&server)]);
                    drop(streams);
                    let frozen = Arc::<AtomicBool>::default();
                    let upload = (clone(&client), clone(&server), frozen.clone());
                    pumps.push(thread::spawn(move || {
                        pump(upload.0, upload.1, &upload.2, |_, _| {});
                    }));
                    let shared = shared.clone();
                    pumps.push(thread::spawn(move || {
                        pump(server, client, &frozen, |bytes, client| {
                            if bytes.starts_with(b"HTTP/1.1 101") {
                                let mut sockets = shared.sockets.lock().expect("no panic");
                                sockets.push((clone(client), frozen.clone()));
                            }
                        });
                    }));
                }
                for pump in pumps {
                    pump.join().expect("a pump ends in order");
                }
            })
        };
        Self {
            url: format!("http://{address}/v0.2"),
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Sends these bytes to the client on its newest WebSocket. The service's frames are short and forwarded in one
    /// piece, so these bytes arrive between two frames.
    pub fn send_to_client(&self, bytes: &[u8]) {
        let (mut socket, _) = self.newest_websocket();
        socket.write_all(bytes).expect("the client listens");
    }

    /// Closes the newest WebSocket's connection without a close frame. Clients report this as code 1006.
    pub fn close_websocket(&self) {
        self.newest_websocket()
            .0
            .shutdown(Shutdown::Both)
            .expect("it was open");
    }

    /// The number of WebSockets so far.
    pub fn websockets(&self) -> usize {
        self.shared.sockets.lock().expect("no panic").len()
    }

    /// Stops forwarding on the newest WebSocket in both directions, without closing it. A connection behaves like
    /// this after a router has forgotten it.
    pub fn freeze(&self) {
        self.newest_websocket().1.store(true, SeqCst);
    }

    fn newest_websocket(&self) -> (TcpStream, Arc<AtomicBool>) {
        let sockets = self.shared.sockets.lock().expect("no panic");
        let (client, frozen) = sockets.last().expect("a WebSocket");
        (clone(client), frozen.clone())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        for stream in self.shared.streams.lock().expect("no panic").iter() {
            // Most streams are closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes up the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let joined = accepting.join();
            if !thread::panicking() {
                joined.expect("the proxy ends in order");
            }
        }
    }
}

/// Whether the client's first bytes are these.
fn starts_with(client: &TcpStream, expected: &[u8]) -> bool {
    let mut bytes = vec![0; expected.len()];
    // A request's first packet is longer than any expected start.
    client
        .peek(&mut bytes)
        .is_ok_and(|length| length == expected.len() && bytes == expected)
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor")
}

/// Copies until one end is closed, then closes both. Calls `inspect` with the forwarded bytes.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    frozen: &AtomicBool,
    inspect: impl Fn(&[u8], &TcpStream),
) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if frozen.load(SeqCst) {
            continue;
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
        inspect(&bytes[..length], &to);
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
