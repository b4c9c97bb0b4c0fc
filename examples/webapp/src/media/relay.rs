// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A relay on this machine to one address. `rtspsrc` connects to it instead of to a name, whose address could
//! change after it was checked, and what the server answers passes the guard.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::rtsp_guard::RtspGuard;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 64 * 1024;

/// Dropping it ends its connections.
pub(crate) struct Relay {
    address: SocketAddr,
    task: JoinHandle<()>,
    refusal: Refusal,
}

/// Why the relay ended a connection.
type Refusal = Arc<Mutex<Option<String>>>;

impl Relay {
    /// Must be called within the runtime.
    pub(crate) fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let refusal = Refusal::default();
        let task = tokio::spawn(run(listener, target, refusal.clone()));
        Ok(Self {
            address,
            task,
            refusal,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the relay ended the last connection, if it did so itself.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection after the other, until the relay is dropped.
async fn run(listener: TcpListener, target: SocketAddr, refusal: Refusal) {
    while let Ok((mut client, _)) = listener.accept().await {
        let why = match timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
            Ok(Ok(mut server)) => {
                let ended = relay(&mut client, &mut server).await;
                ended.err().map(str::to_owned)
            }
            Ok(Err(error)) => Some(format!("it cannot be reached ({error})")),
            Err(_) => Some("it does not answer".to_owned()),
        };
        // Before the client notices the end, because then it asks for the reason.
        if why.is_some() {
            *refusal.lock().unwrap_or_else(PoisonError::into_inner) = why;
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
