// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether there is something to look at now, and what happens to frames while there is no stream because there is nothing.
//!
//! What watches the video reports each frame that shows something ([`Feeder::report_change`]). While the feeder rests, the
//! first such frame wakes the controller, and is kept with all frames after it until a stream can take them.

use std::future::pending;
use std::time::Instant;

use gst::ClockTime;

use super::backlog::{Backlog, Delays};
use super::feeder::{Feeder, State, codec_of};
use super::timeline::Arrival;
use crate::lock::lock;
use crate::sink::codec::random_access::RandomAccess;

/// What is known of changes, and where frames go.
#[derive(Default)]
pub struct Rest {
    /// When the newest frame arrived that shows something. `None`: nothing watches the video.
    newest_change: Option<Instant>,
    course: Course,
    delays: Delays,
}

/// Where frames go.
#[derive(Default)]
enum Course {
    /// To the chain, if there is one.
    #[default]
    Through,
    /// Nowhere: there is nothing to look at.
    Resting,
    /// Raw frames wait behind those that were not sent yet. Encoded ones are in the GOP cache.
    Held(Backlog),
}

impl Rest {
    /// The frames that wait, if raw frames do.
    pub(super) fn backlog(&mut self) -> Option<&mut Backlog> {
        match &mut self.course {
            Course::Held(backlog) => Some(backlog),
            Course::Through | Course::Resting => None,
        }
    }

    /// There is a chain. `false`: no frame waits here for it.
    pub(super) fn start(&mut self, is_raw: bool) -> bool {
        match &mut self.course {
            Course::Held(backlog) if is_raw && !backlog.is_empty() => {
                backlog.start();
                true
            }
            _ => {
                self.course = Course::Through;
                false
            }
        }
    }

    /// There is no chain any more.
    pub(super) fn pause(&mut self) {
        if let Some(backlog) = self.backlog() {
            backlog.pause();
        }
    }

    /// Keeps the frames from this one on.
    fn hold_from(&mut self, first: Option<(&gst::Sample, Arrival)>) {
        let mut backlog = Backlog::default();
        if let Some((sample, arrival)) = first {
            backlog.keep(sample, arrival);
        }
        self.course = Course::Held(backlog);
    }
}

impl Feeder {
    /// There is something to look at in this frame, which has just arrived.
    pub fn report_change(&self, sample: &gst::Sample, arrival: Arrival) {
        let mut state = lock(&self.state);
        let State { rest, cache, .. } = &mut *state;
        rest.newest_change = Some(arrival.at);
        if !matches!(rest.course, Course::Resting) {
            return;
        }
        let is_raw = codec_of(sample).is_none();
        rest.hold_from(is_raw.then_some((sample, arrival)));
        if is_raw {
            // It is this frame.
            cache.clear();
        }
        self.woken.notify_one();
    }

    /// When the newest frame arrived that shows something. `None`: nothing watches the video.
    pub fn newest_change(&self) -> Option<Instant> {
        lock(&self.state).rest.newest_change
    }

    /// Stops passing frames on until there is a change after `newest_change`. `false`: there was one, or frames wait.
    pub fn begin_rest(&self, newest_change: Instant) -> bool {
        {
            let rest = &mut lock(&self.state).rest;
            let is_through = matches!(rest.course, Course::Through);
            if !is_through || rest.newest_change != Some(newest_change) {
                return false;
            }
            rest.course = Course::Resting;
        }
        self.detach();
        true
    }

    /// Keeps all frames from the newest one on, although nothing has changed.
    pub fn wake(&self) {
        let mut state = lock(&self.state);
        let State { rest, cache, .. } = &mut *state;
        if !matches!(rest.course, Course::Resting) {
            return;
        }
        let is_raw = cache
            .newest()
            .is_some_and(|newest| codec_of(newest).is_none());
        let newest = match is_raw {
            true => cache.take().pop_back(),
            false => None,
        };
        rest.hold_from(
            newest
                .as_ref()
                .map(|newest| (&newest.sample, newest.arrival)),
        );
    }

    /// Drops the frames that wait: no stream will take them, or the video has begun anew.
    pub fn end_rest(&self) {
        lock(&self.state).rest.course = Course::Through;
    }

    /// While the feeder rests: waits for a change.
    pub async fn wait_for_change(&self) {
        while matches!(lock(&self.state).rest.course, Course::Resting) {
            self.woken.notified().await;
        }
    }

    /// Waits until the next of the frames that wait must be sent ([`Feeder::send_held`]).
    pub async fn wait_for_held(&self) {
        let due = lock(&self.state).rest.backlog().and_then(|b| b.due());
        match due {
            // It begins with a chain, which the caller attaches.
            None => pending().await,
            Some(due) => tokio::time::sleep_until(due.into()).await,
        }
    }

    /// Sends the next of the frames that wait. It does not wait for the encoder.
    pub fn send_held(&self) {
        let (appsrc, buffer) = {
            let mut state = lock(&self.state);
            let rate = state.rule.rate();
            let state = &mut *state;
            let (Some(target), Some(backlog)) = (&mut state.target, state.rest.backlog()) else {
                return;
            };
            let appsrc = target.chain.appsrc.clone();
            if appsrc.current_level_buffers() > 0 {
                return backlog.postpone();
            }
            let Some(held) = backlog.take() else {
                // Only now, when the last one is in the chain, may the next frame go there directly.
                let is_last = backlog.is_last();
                state.rest.course = Course::Through;
                state.rest.delays.add(Instant::now());
                if is_last {
                    // This fails if the chain is being torn down.
                    let _ = appsrc.end_of_stream();
                }
                return;
            };
            let buffer = target.pass_on(&held.sample, &held.arrival, RandomAccess::Full, rate);
            state.rest.delays.add(held.arrival.at);
            state.record_sent(&held.sample, None);
            (appsrc, buffer)
        };
        self.push(&appsrc, buffer, true);
    }

    /// How much later than they arrived frames were sent at this time.
    pub fn delay_at(&self, time: Instant) -> ClockTime {
        lock(&self.state).rest.delays.at(time)
    }
}
