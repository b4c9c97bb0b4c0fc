//! Ways for what is told: stdout, brokers, a webhook. Each reads the same channel at its own pace; one
//! that is slow misses the oldest, and that is counted. No camera waits for any of them.

mod lines;
mod mqtt;
mod nats;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::camera::Shared;
use crate::config::{Deliver, Wrong};
use crate::event::Event;
use crate::log::Log;

/// How many wait for the slowest way.
pub const EVENTS_WAITING: usize = 1024;
/// What the last ones may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// The reading end of one way.
pub struct Inbox {
    receiver: broadcast::Receiver<Event>,
    delivered: Counter,
    dropped: Counter,
    log: Arc<Log>,
    to: &'static str,
}

impl Inbox {
    fn new(shared: &Shared, to: &'static str) -> Self {
        let (delivered, dropped) = shared.board.deliveries(to);
        Self {
            receiver: shared.events.subscribe(),
            delivered,
            dropped,
            log: shared.log.clone(),
            to,
        }
    }

    /// The next one; `None` after the last.
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => drop(self.dropped.inc_by(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn delivered(&self) {
        self.delivered.inc();
    }

    fn dropped(&self) {
        self.dropped.inc();
    }

    fn trouble(&self, text: impl std::fmt::Display) {
        self.log.say(format_args!("{}: {text}", self.to));
    }
}

/// All ways that are configured.
pub struct Ways {
    tasks: JoinSet<()>,
    lines: Option<JoinHandle<()>>,
}

impl Ways {
    /// `closed` is told when nobody reads stdout any more.
    pub fn open(
        config: &Deliver,
        shared: &Shared,
        stdout: bool,
        closed: &CancellationToken,
    ) -> Result<Self, Wrong> {
        let inbox = |to| Inbox::new(shared, to);
        let mut tasks = JoinSet::new();
        if let Some(broker) = &config.mqtt {
            tasks.spawn(mqtt::deliver(mqtt::Way::new(broker)?, inbox("mqtt")));
        }
        if let Some(broker) = &config.nats {
            tasks.spawn(nats::deliver(nats::Way::new(broker)?, inbox("nats")));
        }
        if let Some(webhook) = &config.webhook {
            tasks.spawn(webhook::deliver(
                webhook::Way::new(webhook)?,
                inbox("webhook"),
            ));
        }
        let lines = stdout.then(|| {
            let (inbox, closed) = (inbox("stdout"), closed.clone());
            tokio::task::spawn_blocking(move || lines::deliver(inbox, &closed))
        });
        Ok(Self { tasks, lines })
    }

    /// What was told reaches those that are there, and take it in time. After the last sender is gone.
    pub async fn close(mut self) {
        let _ = timeout(FAREWELL, async {
            if let Some(lines) = self.lines {
                let _ = lines.await;
            }
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
    }
}
