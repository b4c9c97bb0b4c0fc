// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Delivers events to stdout, brokers and a webhook, one file for each.
//!
//! Each destination reads the same channel at its own pace. A slow one loses the oldest events, and the loss
//! is counted. No camera ever waits for a destination. What an event contains is in `event.rs`, not here.

mod mqtt;
mod nats;
mod stdout;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, Settings};
use crate::event::Event;
use crate::log::Log;
use crate::shared::Shared;

/// How long to wait at the end for the last events.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The receiver of one destination, with its counters.
pub struct EventReceiver {
    receiver: broadcast::Receiver<Event>,
    delivered: Counter,
    dropped: Counter,
    /// Events were lost because this destination is too slow.
    lagged: bool,
    log: Arc<Log>,
    to: &'static str,
}

impl EventReceiver {
    fn new(shared: &Shared, to: &'static str) -> Self {
        let (delivered, dropped) = shared.board.metrics.deliveries(to);
        Self {
            receiver: shared.events.subscribe(),
            delivered,
            dropped,
            lagged: false,
            log: shared.log.clone(),
            to,
        }
    }

    /// The next event, or `None` after the last one.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => {
                    self.lagged = true;
                    self.dropped.inc_by(missed);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Whether events were lost since the last call.
    fn take_lagged(&mut self) -> bool {
        std::mem::take(&mut self.lagged)
    }

    fn count_delivered(&self) {
        self.delivered.inc();
    }

    fn count_dropped(&self) {
        self.dropped.inc();
    }

    fn report(&self, text: impl std::fmt::Display) {
        self.log.line(format_args!("{}: {text}", self.to));
    }
}

/// All configured destinations.
pub struct Deliveries {
    tasks: JoinSet<()>,
    stdout: Option<JoinHandle<()>>,
}

impl Deliveries {
    /// `closed` is cancelled when nobody reads stdout any more.
    pub fn open(
        settings: &Settings,
        shared: &Shared,
        stdout: bool,
        closed: &CancellationToken,
    ) -> Result<Self, ConfigError> {
        let config = &settings.deliver;
        let receiver = |to| EventReceiver::new(shared, to);
        let mut tasks = JoinSet::new();
        if let Some(broker) = &config.mqtt {
            tasks.spawn(mqtt::deliver(
                mqtt::Destination::new(broker, settings, &shared.board)?,
                receiver("mqtt"),
            ));
        }
        if let Some(broker) = &config.nats {
            tasks.spawn(nats::deliver(
                nats::Destination::new(broker)?,
                receiver("nats"),
            ));
        }
        if let Some(webhook) = &config.webhook {
            tasks.spawn(webhook::deliver(
                webhook::Destination::new(webhook)?,
                receiver("webhook"),
            ));
        }
        let stdout = stdout.then(|| {
            let (events, closed) = (receiver("stdout"), closed.clone());
            tokio::task::spawn_blocking(move || stdout::deliver(events, &closed))
        });
        Ok(Self { tasks, stdout })
    }

    /// Waits until all events are delivered, or the time is up. To call after the last sender is dropped.
    pub async fn close(mut self) {
        let _ = timeout(FLUSH_TIMEOUT, async {
            if let Some(stdout) = self.stdout {
                let _ = stdout.await;
            }
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
    }
}
