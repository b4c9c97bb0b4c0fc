// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An emulator with a client, for all these tests.

use std::net::SocketAddr;
use std::time::Duration;

use overshoot_emulator::{Config, Control, Local, http_client};
use reqwest::Client;

pub struct Running {
    pub address: SocketAddr,
    pub control: Control,
    pub client: Client,
    emulator: Local,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let control = config.control.clone();
        let emulator = Local::start(config).await.expect("a port");
        Running {
            address: emulator.address(),
            control,
            client: http_client()
                .expect("TLS")
                .no_proxy()
                .build()
                .expect("a client"),
            emulator,
        }
    }

    /// Stops at once, and in order.
    pub async fn stop(self) {
        let done = tokio::time::timeout(Duration::from_secs(5), self.emulator.stop()).await;
        assert!(matches!(done, Ok(Ok(()))), "{done:?}");
    }
}
