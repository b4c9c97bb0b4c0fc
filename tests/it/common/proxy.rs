//! A TCP proxy before a service, for what no well-behaved server sends: raw bytes in the middle of
//! a connection, and an end of one without a word.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::Service;

pub struct Proxy {
    /// For `api-url`.
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    /// Connections that have become WebSockets: the clients' ends, and whether they are frozen.
    sockets: Mutex<Vec<(TcpStream, Arc<AtomicBool>)>>,
    /// Both ends of every connection.
    all: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub fn before(service: &Service) -> Self {
        let target = service.url.trim_start_matches("http://");
        Self::new(target.trim_end_matches("/v0.2"), None)
    }

    /// Before a server at this address. What begins as `unknown` gets a 404 instead.
    pub fn new(target: &str, unknown: Option<&'static [u8]>) -> Self {
        let target = target.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let accepting = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut pumps = Vec::new();
                while let Ok((mut client, _)) = listener.accept() {
                    if shared.over.load(SeqCst) {
                        break;
                    }
                    if let Some(unknown) = unknown
                        && begins_as(&client, unknown)
                    {
                        let refusal = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                        client
                            .write_all(refusal.as_bytes())
                            .expect("the client listens");
                        continue;
                    }
                    let server = TcpStream::connect(&target).expect("the service is there");
                    let mut all = shared.all.lock().expect("no panic");
                    all.extend([clone(&client), clone(&server)]);
                    drop(all);
                    let frozen = Arc::<AtomicBool>::default();
                    let there = (clone(&client), clone(&server), frozen.clone());
                    pumps.push(thread::spawn(move || {
                        pump(there.0, there.1, &there.2, |_, _| {});
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

    /// Sends these bytes to the client, on its WebSocket. The service's frames are short and go
    /// through whole, so these come between two of them.
    pub fn say(&self, bytes: &[u8]) {
        let (mut socket, _) = self.newest();
        socket.write_all(bytes).expect("the client listens");
    }

    /// Ends the WebSocket's connection without a close frame: what clients call 1006.
    pub fn end(&self) {
        self.newest()
            .0
            .shutdown(Shutdown::Both)
            .expect("it was open");
    }

    /// How many WebSockets there have been.
    pub fn websockets(&self) -> usize {
        self.shared.sockets.lock().expect("no panic").len()
    }

    /// From now on nothing passes on the WebSocket, either way, and nobody is told: what becomes of a
    /// connection that a router has forgotten.
    pub fn freeze(&self) {
        self.newest().1.store(true, SeqCst);
    }

    fn newest(&self) -> (TcpStream, Arc<AtomicBool>) {
        let sockets = self.shared.sockets.lock().expect("no panic");
        let (client, frozen) = sockets.last().expect("a WebSocket");
        (clone(client), frozen.clone())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        for stream in self.shared.all.lock().expect("no panic").iter() {
            // Most have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let joined = accepting.join();
            if !thread::panicking() {
                joined.expect("the proxy ends in order");
            }
        }
    }
}

fn begins_as(client: &TcpStream, wanted: &[u8]) -> bool {
    let mut bytes = vec![0; wanted.len()];
    // A request's first packet is longer than any beginning that is looked for.
    client
        .peek(&mut bytes)
        .is_ok_and(|length| length == wanted.len() && bytes == wanted)
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor")
}

/// Copies until one end is gone, then ends both.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    frozen: &AtomicBool,
    look: impl Fn(&[u8], &TcpStream),
) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if frozen.load(SeqCst) {
            continue;
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
        look(&bytes[..length], &to);
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
