// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One camera of the queue, which this replica holds while it runs the camera.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{AckKind, Message};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::enqueue::parse_camera;
use crate::camera::{self, CameraEnd};
use crate::shared::Shared;

/// How often the claim is renewed within the time after which other replicas take the camera.
const RENEWALS_PER_ACK_WAIT: u32 = 3;

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

    /// Runs the camera until `stop` is cancelled or this replica does not hold it any more.
    pub async fn run(self, shared: Shared, stop: CancellationToken) {
        let camera = match parse_camera(&self.message.payload) {
            Ok(camera) => camera,
            Err(why) => {
                shared.log.camera(
                    self.name(),
                    format_args!("the message is not a valid camera: {why}"),
                );
                return self.acknowledge(AckKind::Term, &shared).await;
            }
        };
        let name = camera.name.clone();
        shared.log.camera(&name, "taken");
        let stop_camera = stop.child_token();
        // A task of its own, because the queue may answer slowly. It is joined below.
        let mut running = tokio::spawn(camera::run(camera, shared.clone(), stop_camera.clone()));
        let mut renew = interval(self.ack_wait / RENEWALS_PER_ACK_WAIT);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_renewal = Instant::now();
        let mut held = true;
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                _ = renew.tick(), if held => {
                    held = self.renew_claim(&mut last_renewal, &shared).await;
                    if !held {
                        stop_camera.cancel();
                    }
                }
            }
        };
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        // Not if another replica runs it: its status may be newer.
        if ended == CameraEnd::Stopped && (held || self.is_removed().await) {
            camera::report_stopped(&name, &shared);
        }
        shared.board.remove(&name);
        match ended {
            // The camera was changed or removed, or another replica holds it.
            _ if !held => {}
            CameraEnd::Stopped => {
                self.acknowledge(AckKind::Nak(None), &shared).await;
                shared.log.camera(&name, "given back");
            }
            CameraEnd::Refused => self.acknowledge(AckKind::Term, &shared).await,
            CameraEnd::Played => self.acknowledge(AckKind::Ack, &shared).await,
        }
    }

    /// Renews the claim. Returns whether this replica still holds the camera.
    async fn renew_claim(&self, last_renewal: &mut Instant, shared: &Shared) -> bool {
        let late = last_renewal.elapsed() >= self.ack_wait;
        let lost = |why: &str| {
            shared.log.camera(self.name(), why);
            false
        };
        if late {
            return lost(
                "not held any more: the queue could not be reached, and another replica may have taken it",
            );
        }
        match self.is_queued().await {
            Ok(true) => {
                self.acknowledge(AckKind::Progress, shared).await;
                *last_renewal = Instant::now();
                true
            }
            Ok(false) => lost("changed or removed in the queue"),
            // Try again at the next renewal.
            Err(()) => true,
        }
    }

    /// Asks the server. An acknowledgement cannot tell, because a removed message gives no error.
    async fn is_queued(&self) -> Result<bool, ()> {
        let sequence = self.message.info().map_err(drop)?.stream_sequence;
        let request = self.stream.get_raw_message(sequence);
        match timeout(self.ack_wait / RENEWALS_PER_ACK_WAIT, request).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Ok(Err(_)) | Err(_) => Err(()),
        }
    }

    /// Whether there is no newer version of the camera in the queue either.
    async fn is_removed(&self) -> bool {
        let subject = self.message.subject.as_str();
        let request = self.stream.get_last_raw_message_by_subject(subject);
        let found = timeout(self.ack_wait / RENEWALS_PER_ACK_WAIT, request).await;
        matches!(found, Ok(Err(error)) if error.kind() == RawMessageErrorKind::NoMessageFound)
    }

    async fn acknowledge(&self, kind: AckKind, shared: &Shared) {
        if let Err(error) = self.message.ack_with(kind).await {
            shared.log.camera(self.name(), error);
        }
    }
}
