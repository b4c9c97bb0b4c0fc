// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A proxy as companies have them: HTTP with CONNECT and with absolute addresses, and SOCKS5, on one port. Like many, it
//! does not forward `Upgrade`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy. Its threads end with the process of the test.
pub struct HttpProxy {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpProxy {
    /// `authorization`: the value of `Proxy-Authorization` that it requires.
    pub fn start(authorization: Option<&'static str>) -> Self {
        Self::serving(authorization, None)
    }

    /// A proxy that connects to `address` instead of this host, whatever the port.
    pub fn for_host(host: &'static str, address: SocketAddr) -> Self {
        Self::serving(None, Some((host, address)))
    }

    fn serving(
        authorization: Option<&'static str>,
        instead: Option<(&'static str, SocketAddr)>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let log = requests.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = log.clone();
                // A connection that breaks off is the client's business.
                thread::spawn(move || serve(client, authorization, instead, &log));
            }
        });
        Self { address, requests }
    }

    /// The first lines of all requests; `SOCKS` for each connection by SOCKS.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

fn serve(
    mut client: TcpStream,
    authorization: Option<&str>,
    instead: Option<(&str, SocketAddr)>,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let note = |line: &str| log.lock().expect("no panic").push(line.to_owned());
    let mut first = [0];
    client.peek(&mut first)?;
    if first == [5] {
        note("SOCKS");
        return serve_socks(client);
    }
    let head = read_head(&mut client)?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    note(first);
    let headers: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let value = |name: &str| {
        headers.iter().find_map(|header| {
            let (found, value) = header.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    if authorization.is_some() && value("proxy-authorization") != authorization {
        return refuse(
            &mut client,
            "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"",
        );
    }
    let mut words = first.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if method == "CONNECT" {
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
        let server = match instead.filter(|(name, _)| *name == host) {
            Some((_, address)) => TcpStream::connect(address)?,
            None => TcpStream::connect(target)?,
        };
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        return pump_both(client, server);
    }
    let Some((host, path)) = target
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return refuse(&mut client, "400 Bad Request");
    };
    if value("upgrade").is_some() {
        return refuse(&mut client, "400 Bad Request");
    }
    let mut server = TcpStream::connect(host)?;
    write!(server, "{method} /{path} HTTP/1.1\r\nConnection: close\r\n")?;
    for header in headers {
        let lower = header.to_lowercase();
        if !lower.starts_with("proxy-") && !lower.starts_with("connection:") {
            write!(server, "{header}\r\n")?;
        }
    }
    server.write_all(b"\r\n")?;
    pump_both(client, server)
}

/// SOCKS5 (RFC 1928) without a password, to an IPv4 address.
fn serve_socks(mut client: TcpStream) -> io::Result<()> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; greeting[1].into()])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 10];
    client.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 1], "CONNECT to an IPv4 address");
    let [.., a, b, c, d, high, low] = request;
    let server = TcpStream::connect((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    pump_both(client, server)
}

fn refuse(client: &mut TcpStream, status: &str) -> io::Result<()> {
    write!(
        client,
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
}

fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn pump_both(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let upload = thread::spawn(move || pump(from, to));
    pump(server, client);
    upload.join().expect("a pump ends in order");
    Ok(())
}

/// Copies until one end is closed, then closes both.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
