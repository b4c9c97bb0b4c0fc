// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events that the owner of a session has not taken yet.

use std::collections::VecDeque;
use std::time::Instant;

use tokio::sync::mpsc;

use super::error::Error;
use super::event::Event;
use super::throttle::Throttle;

/// Warnings about messages that make no sense, and about failures that the stream survives. What a
/// broken service can add to an application's bus must have a bound.
const MAX_WARNINGS_PER_SECOND: u32 = 10;

/// A stream stops reading and asking while an event waits here, so it holds a handful at the most.
pub struct Outbox {
    waiting: VecDeque<Event>,
    warnings: Throttle,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            warnings: Throttle::new(MAX_WARNINGS_PER_SECOND),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn push(&mut self, event: Event) {
        self.waiting.push_back(event);
    }

    /// Adds a warning, unless there were too many in this second. `warning` gets the number of those
    /// that were left out before this one.
    pub fn warn(&mut self, warning: impl FnOnce(u64) -> Error) {
        if let Some(left_out) = self.warnings.pass(Instant::now()) {
            self.push(Event::Warning(warning(left_out)));
        }
    }

    /// Sends the oldest event once the owner has room for it; `false` when the owner is gone. It can be
    /// cancelled at any moment: the event stays.
    pub async fn send(&mut self, events: &mpsc::Sender<Event>) -> bool {
        let Ok(permit) = events.reserve().await else {
            return false;
        };
        if let Some(event) = self.waiting.pop_front() {
            permit.send(event);
        }
        true
    }
}
