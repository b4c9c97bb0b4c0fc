// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An emulator inside the caller's process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{BASE_PATH, Config, run};

/// An emulator on this machine, on a free port. [`Local::stop`] ends it in order. Dropping this value ends it
/// too, in the background.
pub struct Local {
    address: SocketAddr,
    stop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl Local {
    /// Starts the emulator. It accepts requests when this returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(listener, config, stop.clone().cancelled_owned()));
        Ok(Local {
            address,
            stop: stop.drop_guard(),
            task,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its API v0.2, for `api-url`.
    pub fn url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.address)
    }

    /// Ends every stream and connection, and waits until they have ended.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.task.await.map_err(io::Error::other)?
    }
}
