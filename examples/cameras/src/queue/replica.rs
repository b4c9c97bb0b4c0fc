// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A replica: takes cameras from the queue up to its capacity, and runs them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::{CONSUMER, open_stream};
use crate::config::{Broker, Settings};
use crate::process::{Process, ProcessOptions};
use crate::shared::Shared;

/// How long the server keeps a request for a camera. A stop waits this long, because a camera may be on its
/// way.
const FETCH_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How long to wait for the last messages to the server.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// Limit for the cameras of all replicas. The server's default is 1000.
const MAX_HELD_CAMERAS: i64 = 100_000;

pub struct ReplicaOptions {
    pub broker: Broker,
    /// How many cameras run at the same time. Unset means the number of stream slots.
    pub capacity: Option<usize>,
    /// Other replicas take the cameras of a replica that is silent for this long.
    pub ack_wait: Duration,
    pub process: ProcessOptions,
}

pub async fn run_replica(
    options: ReplicaOptions,
    mut settings: Settings,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    if !settings.cameras.is_empty() {
        return Err("the settings of a replica cannot have [[cameras]]: put the cameras into the queue with overshoot-cameras enqueue".into());
    }
    let nats = &mut settings.deliver.nats;
    nats.get_or_insert_with(|| options.broker.clone());
    let process = Process::open(&settings, options.process, &stop).await?;
    let opened = open_stream(&options.broker, process.shared.log.clone()).await;
    let result = match opened {
        Ok((client, stream)) => {
            let stream = Arc::new(stream);
            let taken = take_jobs(&options, &stream, &process.shared, &stop).await;
            // The server must learn of the returned cameras before the process ends.
            match timeout(FLUSH_TIMEOUT, client.flush()).await {
                Ok(flushed) => taken.and(flushed.map_err(Into::into)),
                // The server cannot be reached. It notices by itself.
                Err(_) => taken,
            }
        }
        Err(error) => Err(error),
    };
    process.close().await;
    result
}

async fn take_jobs(
    options: &ReplicaOptions,
    stream: &Arc<Stream>,
    shared: &Shared,
    stop: &CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: options.ack_wait,
        max_ack_pending: MAX_HELD_CAMERAS,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let capacity = options.capacity.unwrap_or(shared.slots.count());
    let mut jobs = Jobs::default();
    while !stop.is_cancelled() {
        if jobs.tasks.len() >= capacity {
            tokio::select! {
                Some(_) = jobs.tasks.join_next() => {}
                () = stop.cancelled() => {}
            }
            continue;
        }
        while jobs.tasks.try_join_next().is_some() {}
        match fetch_next(&consumer).await {
            Ok(Some(message)) => {
                let job = Job::new(message, stream.clone(), options.ack_wait);
                jobs.start(job, shared, stop);
            }
            Ok(None) => {}
            Err(error) => {
                shared.log.line(format_args!("queue: {error}"));
                tokio::select! {
                    () = sleep(RETRY_PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
    while jobs.tasks.join_next().await.is_some() {}
    Ok(())
}

/// The next camera that no replica holds, if there is one within the timeout.
async fn fetch_next(consumer: &PullConsumer) -> Result<Option<Message>, Box<dyn Error>> {
    let batch = consumer
        .fetch()
        .max_messages(1)
        .expires(FETCH_TIMEOUT)
        .messages();
    match batch.await?.next().await {
        Some(message) => Ok(Some(message.map_err(|error| error.to_string())?)),
        None => Ok(None),
    }
}

/// The cameras that run in this replica.
#[derive(Default)]
struct Jobs {
    tasks: JoinSet<()>,
    by_name: HashMap<String, RunningJob>,
}

struct RunningJob {
    stop: CancellationToken,
    done: CancellationToken,
}

impl Jobs {
    fn start(&mut self, job: Job, shared: &Shared, stop: &CancellationToken) {
        let running = RunningJob {
            stop: stop.child_token(),
            done: CancellationToken::new(),
        };
        let (stop, done) = (running.stop.clone(), running.done.clone());
        let before = self.by_name.insert(job.name().to_owned(), running);
        self.by_name
            .retain(|_, running| !running.done.is_cancelled());
        let shared = shared.clone();
        self.tasks.spawn(async move {
            let _done = done.drop_guard();
            // The same camera before it was changed.
            if let Some(before) = before {
                before.stop.cancel();
                before.done.cancelled().await;
            }
            job.run(shared, stop).await;
        });
    }
}
