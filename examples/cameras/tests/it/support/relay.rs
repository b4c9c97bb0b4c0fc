// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A TCP relay to a camera, which can be frozen, and counts logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::Camera;

pub struct Relay {
    pub port: u16,
    freeze: watch::Sender<()>,
    logins: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Relay {
    pub fn to(rtsp: &Camera) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (freeze, _) = watch::channel(());
        let (frozen, target) = (freeze.clone(), rtsp.port());
        let logins = Arc::new(AtomicUsize::new(0));
        let counted = logins.clone();
        runtime.spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.expect("a client");
                let counted = counted.clone();
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", target))
                        .await
                        .expect("the camera is there");
                    tokio::select! {
                        () = forward(&mut client, &mut server, &counted) => {}
                        _ = frozen.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            port,
            freeze,
            logins,
            _runtime: runtime,
        }
    }

    /// How many requests had a user and a password.
    pub fn logins(&self) -> usize {
        self.logins.load(Ordering::Relaxed)
    }

    /// Stops forwarding. The connections stay open.
    pub fn freeze(&self) {
        self.freeze.send(()).expect("a connection");
    }
}

/// Forwards both ways until one side closes. Clients send each request at once, so it is read at once.
async fn forward(client: &mut TcpStream, server: &mut TcpStream, logins: &AtomicUsize) {
    let (mut request, mut reply) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let forwarded = tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read.unwrap_or(0)];
                let text = String::from_utf8_lossy(bytes);
                let login = text.contains("Authorization:");
                logins.fetch_add(usize::from(login), Ordering::Relaxed);
                server.write_all(bytes).await.is_ok() && !bytes.is_empty()
            }
            read = server.read(&mut reply) => {
                let bytes = &reply[..read.unwrap_or(0)];
                client.write_all(bytes).await.is_ok() && !bytes.is_empty()
            }
        };
        if !forwarded {
            return;
        }
    }
}
