// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A running emulator on its own port. Dropping it stops the emulator and waits for its end.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use overshoot_emulator::{Config, Control, EndReason, Snapshot, Stream};
use tokio::sync::oneshot;

/// A running emulator.
pub struct Service {
    /// The value for `api-url`.
    pub url: String,
    pub control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts the emulator with its default settings and the tests' key.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// Starts the emulator with changed settings.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on("127.0.0.1:0", change)
    }

    /// Starts the emulator, with the URL of this API version: `v0.2` or `v1`.
    pub fn of(api: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut service = Self::with(change);
        service.url = service.url.replace("v0.2", api);
        service
    }

    /// Starts the emulator on a given address, for example one that it had before.
    pub fn on(address: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            api_keys: vec![super::KEY.to_owned()],
            ..Config::default()
        };
        change(&mut config);
        let control = config.control.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .expect("a port");
        let url = format!("http://{}/v0.2", listener.local_addr().expect("bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let shutdown = async {
                // A dropped sender stops the emulator, too.
                let _ = stopped.await;
            };
            runtime
                .block_on(overshoot_emulator::run(listener, config, shutdown))
                .expect("the emulator runs");
        });
        Self {
            url,
            control,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Waits up to 20 s until `condition` is true. Otherwise panics with a summary of the snapshot.
    pub fn wait(&self, why: &str, condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        self.control
            .wait(Duration::from_secs(20), condition)
            .unwrap_or_else(|seen| panic!("timeout while waiting for {why}: {}", summary(&seen)))
    }

    /// The only stream. Panics if there is not exactly one.
    pub fn stream(&self) -> Stream {
        let seen = self.control.snapshot();
        assert_eq!(seen.streams.len(), 1, "{}", summary(&seen));
        seen.streams.into_iter().next().expect("one stream")
    }

    /// Asserts that the client has deleted every stream.
    pub fn assert_all_deleted(&self) {
        let seen = self.control.snapshot();
        for stream in &seen.streams {
            let end = stream.ended.map(|(_, reason)| reason);
            assert_eq!(end, Some(EndReason::ClientRequested), "{}", summary(&seen));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            if !thread::panicking() {
                joined.expect("the emulator ends in order");
            }
        }
    }
}

/// The requests and streams, for the message of a panic.
fn summary(seen: &Snapshot) -> String {
    let mut text = String::new();
    for request in &seen.requests {
        text += &format!("\n  {} {} {}", request.method, request.path, request.status);
    }
    for stream in &seen.streams {
        text += &format!(
            "\n  stream {}: {:?}, {} packets, {} frames, {} answers, ended {:?}",
            stream.id,
            stream.codec,
            stream.packets,
            stream.frames.len(),
            stream.answers.len(),
            stream.ended.map(|(_, reason)| reason)
        );
    }
    text
}
