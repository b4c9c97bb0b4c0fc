// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A relay on this machine to one address. `rtspsrc` connects to it instead of to a name, whose address could
//! change after it was checked, and what the server answers passes the guard.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::camera_link::{CameraLink, Refusal, cannot_watch};
use super::rtsp_guard::RtspGuard;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 64 * 1024;

/// Starts a relay. Returns the address that it listens on, and its owner. Must be called within the runtime.
pub(super) fn start(target: SocketAddr) -> io::Result<(SocketAddr, CameraLink)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = TcpListener::from_std(listener)?;
    let link = CameraLink::spawn(move |refusal| run(listener, target, refusal));
    Ok((address, link))
}

/// Serves one connection after the other, until the link is stopped.
async fn run(listener: TcpListener, target: SocketAddr, refusal: Refusal) {
    while let Ok((mut client, _)) = listener.accept().await {
        let why = match timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
            Ok(Ok(mut server)) => {
                let ended = relay(&mut client, &mut server).await;
                ended.err().map(cannot_watch)
            }
            Ok(Err(error)) => Some(cannot_watch(&format!("it cannot be reached ({error})"))),
            Err(_) => Some(cannot_watch("it does not answer")),
        };
        // Before the client notices the end, because then it asks for the reason.
        if let Some(why) = why {
            refusal.set(why);
        }
    }
}

/// Copies both directions until one of them ends.
async fn relay(client: &mut TcpStream, server: &mut TcpStream) -> Result<(), &'static str> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let mut guard = RtspGuard::new();
    let requests = copy(from_client, to_server, |bytes| Ok(bytes.to_vec()));
    let answers = copy(from_server, to_client, |bytes| guard.read(bytes));
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}

async fn copy(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut check: impl FnMut(&[u8]) -> Result<Vec<u8>, &'static str>,
) -> Result<(), &'static str> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        // The client notices the end of the connection and reports it.
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return Ok(());
        };
        let passed = check(&buffer[..length])?;
        if to.write_all(&passed).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_relay_that_was_stopped_has_no_sockets() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = server.local_addr().expect("bound");
        let (address, link) = start(target).expect("it starts");
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let (mut camera, _) = server.accept().await.expect("it connects");
        client.write_all(b"x").await.expect("it reads");
        assert_eq!(camera.read_u8().await.ok(), Some(b'x'));
        link.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
        std::net::TcpListener::bind(address).expect("the port is free");
        assert!(camera.read_u8().await.is_err());
        assert!(client.read_u8().await.is_err());
    }
}
