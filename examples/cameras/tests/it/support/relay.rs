// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A TCP relay to a camera, which can be frozen.

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::Camera;

pub struct Relay {
    pub port: u16,
    freeze: watch::Sender<()>,
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
        runtime.spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.expect("a client");
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", target))
                        .await
                        .expect("the camera is there");
                    tokio::select! {
                        // The result does not matter.
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = frozen.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            port,
            freeze,
            _runtime: runtime,
        }
    }

    /// Stops forwarding. The connections stay open.
    pub fn freeze(&self) {
        self.freeze.send(()).expect("a connection");
    }
}
