//! A replica: takes as many cameras from the queue as it has room for.

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
use super::{CONSUMER, open};
use crate::camera::Shared;
use crate::config::{Broker, Settings};
use crate::process::Process;

/// How long the server keeps a request for a camera: a stop waits for it, as one may be under way.
const ASK: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(2);
/// What the last words to the server may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Cameras in all; the server's own bound is 1000.
const MOST_HELD: i64 = 100_000;

pub struct Work {
    pub broker: Broker,
    /// Cameras at a time; unset: as many as there are places.
    pub capacity: Option<usize>,
    /// After this long without a word of a replica, others take its cameras.
    pub ack_wait: Duration,
    pub table: bool,
}

pub async fn work(
    work: Work,
    mut settings: Settings,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    if !settings.cameras.is_empty() {
        return Err("the settings of a replica have no [[cameras]]: enqueue them".into());
    }
    let nats = &mut settings.deliver.nats;
    nats.get_or_insert_with(|| work.broker.clone());
    let process = Process::open(&settings, work.table, &stop).await?;
    let opened = open(&work.broker, process.shared.log.clone()).await;
    let worked = match opened {
        Ok((client, stream)) => {
            let stream = Arc::new(stream);
            let taken = take_jobs(&work, &stream, &process.shared, &stop).await;
            // What was given back is to be known before the process is gone.
            match timeout(FAREWELL, client.flush()).await {
                Ok(flushed) => taken.and(flushed.map_err(Into::into)),
                // The server is gone, and will notice itself.
                Err(_) => taken,
            }
        }
        Err(error) => Err(error),
    };
    process.close().await;
    worked
}

async fn take_jobs(
    work: &Work,
    stream: &Arc<Stream>,
    shared: &Shared,
    stop: &CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: work.ack_wait,
        max_ack_pending: MOST_HELD,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let capacity = work.capacity.unwrap_or(shared.places.count());
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
        match next(&consumer).await {
            Ok(Some(message)) => {
                let job = Job::new(message, stream.clone(), work.ack_wait);
                jobs.start(job, shared, stop);
            }
            Ok(None) => {}
            Err(error) => {
                shared.log.say(format_args!("queue: {error}"));
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
    while jobs.tasks.join_next().await.is_some() {}
    Ok(())
}

/// The next camera that nobody holds, if there is one soon.
async fn next(consumer: &PullConsumer) -> Result<Option<Message>, Box<dyn Error>> {
    let batch = consumer.fetch().max_messages(1).expires(ASK).messages();
    match batch.await?.next().await {
        Some(message) => Ok(Some(message.map_err(|error| error.to_string())?)),
        None => Ok(None),
    }
}

/// The cameras that are run here.
#[derive(Default)]
struct Jobs {
    tasks: JoinSet<()>,
    by_name: HashMap<String, Running>,
}

struct Running {
    stop: CancellationToken,
    done: CancellationToken,
}

impl Jobs {
    fn start(&mut self, job: Job, shared: &Shared, stop: &CancellationToken) {
        let running = Running {
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
            // The same camera, as it was before it was changed.
            if let Some(before) = before {
                before.stop.cancel();
                before.done.cancelled().await;
            }
            job.hold(shared, stop).await;
        });
    }
}
