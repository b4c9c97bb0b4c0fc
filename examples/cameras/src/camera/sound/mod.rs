// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The sound of a camera. The element gets only the video, so its recordings get their sound here.
//!
//! `source/sound.rs` links the camera's sound to [`Sound::push`], `ring` keeps the newest, and `mux` adds it to a file.

pub mod mux;
mod ring;

use std::sync::Mutex;
use std::time::Duration;

use gst::ClockTime;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::Trigger;
use crate::lock::lock;
pub use ring::Packet;
use ring::Ring;

/// An answer comes up to this much later than its frame, and a file takes a moment to be written.
const MAX_DELAY: Duration = Duration::from_secs(25);
/// How long to wait for the last sound of a recording. Sound and video do not arrive together.
const LAST_PACKET_TIMEOUT: Duration = Duration::from_secs(2);

/// The newest sound of a camera, during one turn.
#[derive(Debug)]
pub struct Sound {
    ring: Mutex<Ring>,
    arrived: Notify,
    /// Why none comes, although the camera offers it.
    refusal: Mutex<Option<String>>,
}

impl Sound {
    pub fn new(trigger: &Trigger) -> Self {
        let kept = trigger.before() + trigger.after() + MAX_DELAY;
        Self {
            ring: Mutex::new(Ring::new(
                ClockTime::try_from(kept).unwrap_or(ClockTime::MAX),
            )),
            arrived: Notify::new(),
            refusal: Mutex::default(),
        }
    }

    /// Takes the next packet, on a streaming thread.
    pub fn push(&self, packet: Packet) {
        lock(&self.ring).push(packet);
        self.arrived.notify_waiters();
    }

    /// The camera offers sound that cannot be recorded, for this reason.
    pub fn refuse(&self, why: String) {
        *lock(&self.refusal) = Some(why);
    }

    /// Why there is none, if the camera offers it.
    pub fn refusal(&self) -> Option<String> {
        lock(&self.refusal).clone()
    }

    /// No more sound comes.
    pub fn end(&self) {
        lock(&self.ring).has_ended = true;
        self.arrived.notify_waiters();
    }

    /// An event begins: keeps what its recording needs, however often other events make it longer.
    pub fn hold(&self) {
        lock(&self.ring).is_held = true;
    }

    /// The recording is complete.
    pub fn release(&self) {
        lock(&self.ring).is_held = false;
    }

    /// The sound between these running times, all of one format. It waits for the last of it for a moment.
    pub async fn between(&self, start: ClockTime, end: ClockTime) -> Vec<Packet> {
        let complete = async {
            loop {
                let mut arrived = std::pin::pin!(self.arrived.notified());
                // From here on no notification is lost.
                arrived.as_mut().enable();
                if lock(&self.ring).has_all_until(end) {
                    return;
                }
                arrived.await;
            }
        };
        // Without the end of the sound, the recording has what there is.
        let _ = timeout(LAST_PACKET_TIMEOUT, complete).await;
        lock(&self.ring).between(start, end)
    }
}
