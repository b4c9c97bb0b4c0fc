//! One camera of the queue, held while it is run here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{AckKind, Message};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::enqueue::read;
use crate::camera::{self, Ended, Shared};

/// Within the time after which others take it.
const RENEWALS: u32 = 3;

pub struct Job {
    message: Message,
    stream: Arc<Stream>,
    ack_wait: Duration,
}

impl Job {
    pub fn new(message: Message, stream: Arc<Stream>, ack_wait: Duration) -> Self {
        Self {
            message,
            stream,
            ack_wait,
        }
    }

    /// The name of the camera.
    pub fn name(&self) -> &str {
        self.message.subject.rsplit('.').next().unwrap_or_default()
    }

    /// Runs the camera until it is to stop, or is not ours any more.
    pub async fn hold(self, shared: Shared, stop: CancellationToken) {
        let camera = match read(&self.message.payload) {
            Ok(camera) => camera,
            Err(why) => {
                shared.log.of(self.name(), format_args!("no camera: {why}"));
                return self.tell(AckKind::Term, &shared).await;
            }
        };
        let name = camera.name.clone();
        shared.log.of(&name, "taken");
        let over = stop.child_token();
        // By itself, as the queue may be slow to answer. Joined below.
        let mut running = tokio::spawn(camera::run(camera, shared.clone(), over.clone()));
        let mut renew = interval(self.ack_wait / RENEWALS);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        let mut ours = true;
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                _ = renew.tick(), if ours => {
                    ours = self.renew(&mut renewed, &shared).await;
                    if !ours {
                        over.cancel();
                    }
                }
            }
        };
        shared.board.remove(&name);
        match ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            // It was changed or removed, or another replica has it.
            _ if !ours => {}
            Ended::Stopped => {
                self.tell(AckKind::Nak(None), &shared).await;
                shared.log.of(&name, "given back");
            }
            Ended::Refused => self.tell(AckKind::Term, &shared).await,
        }
    }

    /// Whether it is ours still.
    async fn renew(&self, renewed: &mut Instant, shared: &Shared) -> bool {
        let late = renewed.elapsed() >= self.ack_wait;
        let lost = |why: &str| {
            shared.log.of(self.name(), why);
            false
        };
        if late {
            return lost(
                "not held any more: the queue was out of reach, and another replica may have it",
            );
        }
        match self.is_queued().await {
            Ok(true) => {
                self.tell(AckKind::Progress, shared).await;
                *renewed = Instant::now();
                true
            }
            Ok(false) => lost("changed or removed in the queue"),
            // The next time.
            Err(()) => true,
        }
    }

    /// Asks the server, as an acknowledgement to one that is gone has no answer.
    async fn is_queued(&self) -> Result<bool, ()> {
        let sequence = self.message.info().map_err(drop)?.stream_sequence;
        let asked = self.stream.get_raw_message(sequence);
        match timeout(self.ack_wait / RENEWALS, asked).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Ok(Err(_)) | Err(_) => Err(()),
        }
    }

    async fn tell(&self, kind: AckKind, shared: &Shared) {
        if let Err(error) = self.message.ack_with(kind).await {
            shared.log.of(self.name(), error);
        }
    }
}
