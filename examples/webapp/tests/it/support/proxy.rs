// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A proxy that can die like a network: its connections stay open, and nothing comes through any more.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub struct Proxy {
    pub url: String,
    frozen: Arc<watch::Sender<bool>>,
    /// Dropping it ends all connections.
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Forwards to this address.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let frozen = Arc::new(watch::Sender::new(false));
        let mut tasks = JoinSet::new();
        let gate = frozen.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&target).await.expect("it listens");
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                connections.spawn(forward(near_in, far_out, gate.subscribe()));
                connections.spawn(forward(far_in, near_out, gate.subscribe()));
            }
        });
        Self {
            url,
            frozen,
            _tasks: tasks,
        }
    }

    pub fn set_frozen(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut frozen: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 65536];
    while let Ok(count) = from.read(&mut bytes).await {
        let thawed = frozen.wait_for(|frozen| !frozen).await.is_ok();
        if count == 0 || !thawed || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
