// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether there is something to look at now, and what happens to frames while there is no stream because there is nothing.
//!
//! What watches the video reports each frame that shows something ([`Feeder::report_change`]), and the element each event
//! ([`Feeder::report_event`]). While the feeder rests, the first of them wakes the controller, and the frames from it on are
//! kept until a stream can take them.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use gst::ClockTime;

use super::backlog::Backlog;
use super::delays::Delays;
use super::feeder::{Feeder, State, codec_of};
use super::gop_cache::GopCache;
use super::held_frame::HeldFrame;
use super::lookback::Lookback;
use super::timeline::Arrival;
use crate::lock::lock;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;

/// So many encoded frames may be on their way in the chain: fewer than it takes ([`Target`](super::target::Target)).
const MAX_QUEUED_ENCODED_FRAMES: u64 = 30;

/// What is known of changes, and where frames go.
#[derive(Default)]
pub struct Rest {
    /// When the newest frame arrived that shows something, or when the newest event was. `None`: there was none, or nothing
    /// watches the video.
    newest_change: Option<Instant>,
    course: Course,
    delays: Delays,
    /// How far back events reach.
    before: Duration,
}

/// Where frames go.
#[derive(Default)]
enum Course {
    /// To the chain, if there is one.
    #[default]
    Through,
    /// Nowhere: there is nothing to look at.
    Resting(Lookback),
    /// They wait behind those that were not sent yet.
    Held(Backlog),
}

impl Rest {
    /// The frames that wait.
    pub(super) fn backlog(&mut self) -> Option<&mut Backlog> {
        match &mut self.course {
            Course::Held(backlog) => Some(backlog),
            Course::Through | Course::Resting(_) => None,
        }
    }

    /// Keeps a frame that has to wait, and returns how many others were dropped. `None`: it does not wait here.
    pub(super) fn keep(
        &mut self,
        sample: &gst::Sample,
        arrival: Arrival,
        access: RandomAccess,
        codec: Option<Codec>,
    ) -> Option<usize> {
        match &mut self.course {
            Course::Through => None,
            Course::Resting(lookback) => {
                lookback.keep(sample, arrival, access, codec);
                None
            }
            Course::Held(backlog) => Some(backlog.keep(sample, arrival, access, codec)),
        }
    }

    /// An encoded frame is missing.
    pub(super) fn lost_frame(&mut self) {
        match &mut self.course {
            Course::Through => {}
            Course::Resting(lookback) => lookback.lost_frame(),
            Course::Held(backlog) => backlog.lost_frame(),
        }
    }

    /// There is a chain, for frames of this codec. `false`: no frame waits here for it.
    pub(super) fn start(&mut self, codec: Option<Codec>) -> bool {
        match &mut self.course {
            Course::Held(backlog) if backlog.codec() == codec && !backlog.is_empty() => {
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

    /// Something is reported: the frames from this time on wait from now on. Returns whether the feeder rested.
    fn hold(&mut self, since: Instant, cache: &mut GopCache) -> bool {
        let lookback = match std::mem::take(&mut self.course) {
            Course::Resting(lookback) => lookback,
            course => {
                self.course = course;
                return false;
            }
        };
        let codec = cache.newest().and_then(codec_of);
        let mut frames = lookback.since(since);
        if frames.is_empty() && codec.is_none() {
            let newest = cache.take().pop_back();
            frames.extend(newest.and_then(|it| HeldFrame::copy_of(&it.sample, it.arrival)));
        }
        // They are not dropped for want of a stream.
        cache.account();
        self.course = Course::Held(Backlog::new(codec, frames));
        true
    }
}

impl Feeder {
    /// There is something to look at in this raw frame, which has just arrived.
    pub fn report_change(&self, sample: &gst::Sample, arrival: Arrival) {
        let mut state = lock(&self.state);
        let State { rest, cache, .. } = &mut *state;
        rest.newest_change = Some(arrival.at);
        if matches!(rest.course, Course::Resting(_)) {
            // It may have been sent to the last chain just now, so that it is not cached.
            let frame = HeldFrame::copy_of(sample, arrival);
            let frames = VecDeque::from_iter(frame);
            rest.course = Course::Held(Backlog::new(None, frames));
            cache.clear();
            self.woken.notify_one();
        }
    }

    /// There was something to look at then, which is perhaps in the frames from `since` on.
    pub fn report_event(&self, at: Instant, since: Instant) {
        let mut state = lock(&self.state);
        let State { rest, cache, .. } = &mut *state;
        rest.newest_change = rest.newest_change.max(Some(at));
        if rest.hold(since, cache) {
            self.woken.notify_one();
        }
    }

    /// When the newest frame arrived that shows something, or when the newest event was. `None`: there was none, or nothing
    /// watches the video.
    pub fn newest_change(&self) -> Option<Instant> {
        lock(&self.state).rest.newest_change
    }

    /// Until the first chain: keeps frames for an event. Those of each event begin so long before it.
    pub fn rest_until_event(&self, before: Duration) {
        let rest = &mut lock(&self.state).rest;
        rest.before = before;
        if matches!(rest.course, Course::Through) {
            rest.course = Course::Resting(Lookback::new(before));
        }
    }

    /// Stops passing frames on until there is a change after `newest_change`. `false`: there was one, or frames wait.
    /// `drops_waiting`: these are not needed any more.
    pub fn begin_rest(&self, newest_change: Option<Instant>, drops_waiting: bool) -> bool {
        {
            let mut state = lock(&self.state);
            let State { rest, cache, .. } = &mut *state;
            let waits = !drops_waiting && !matches!(rest.course, Course::Through);
            if waits || rest.newest_change != newest_change {
                return false;
            }
            let mut lookback = Lookback::new(rest.before);
            if let codec @ Some(_) = cache.newest().and_then(codec_of) {
                for frame in cache.frames() {
                    lookback.keep(&frame.sample, frame.arrival, frame.access, codec);
                }
            }
            rest.course = Course::Resting(lookback);
        }
        self.detach();
        true
    }

    /// Keeps all frames from the newest one on, although nothing has changed.
    pub fn wake(&self) {
        let mut state = lock(&self.state);
        let State { rest, cache, .. } = &mut *state;
        rest.hold(Instant::now(), cache);
    }

    /// Drops the frames that wait: no stream will take them, or the video has begun anew.
    pub fn end_rest(&self) {
        lock(&self.state).rest.course = Course::Through;
    }

    /// While the feeder rests: waits for a change.
    pub async fn wait_for_change(&self) {
        while matches!(lock(&self.state).rest.course, Course::Resting(_)) {
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
        let (appsrc, buffer, codec) = {
            let mut state = lock(&self.state);
            let rate = state.rule.rate();
            let state = &mut *state;
            let (Some(target), Some(backlog)) = (&mut state.target, state.rest.backlog()) else {
                return;
            };
            let codec = target.chain.codec;
            if backlog.codec() != codec {
                // The input has changed its format, so another chain comes.
                return backlog.pause();
            }
            let appsrc = target.chain.appsrc.clone();
            let most = codec.map_or(0, |_| MAX_QUEUED_ENCODED_FRAMES);
            if appsrc.current_level_buffers() > most {
                return backlog.postpone();
            }
            let Some(held) = backlog.take() else {
                // Only now, when the last one is in the chain, may the next frame go there directly.
                let is_last = backlog.is_last();
                if backlog.is_cut() {
                    target.lost_frame();
                }
                state.rest.course = Course::Through;
                state.rest.delays.add(Instant::now());
                if is_last {
                    // This fails if the chain is being torn down.
                    let _ = appsrc.end_of_stream();
                }
                return;
            };
            let buffer = target.pass_on(&held.sample, &held.arrival, held.access, rate);
            state.rest.delays.add(held.arrival.at);
            state.record_sent(&held.sample, codec);
            (appsrc, buffer, codec)
        };
        self.push(&appsrc, buffer, codec.is_none());
    }

    /// How much later than they arrived frames were sent at this time.
    pub fn delay_at(&self, time: Instant) -> ClockTime {
        lock(&self.state).rest.delays.at(time)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::sink::frames::chain_input::ChainInput;
    use crate::sink::frames::rate_limit::Limit;
    use crate::sink::frames::scene::Still;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 36;

    fn feeder() -> Feeder {
        gst::init().expect("GStreamer");
        let still = Still {
            threshold: 8.0,
            after: Duration::ZERO,
            every: None,
        };
        let limit = Limit::Rate(gst::Fraction::new(0, 1));
        let feeder = Feeder::new(limit, Some(still));
        feeder.set_live(true);
        feeder
    }

    fn chain() -> ChainInput {
        ChainInput {
            appsrc: gst_app::AppSrc::builder().max_bytes(0).build(),
            codec: None,
            encoded_frames: Arc::default(),
            key_wanted: Arc::default(),
            stamps: Arc::default(),
        }
    }

    fn show(feeder: &Feeder, brightness: u8) {
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "GRAY8")
            .field("width", WIDTH as i32)
            .field("height", HEIGHT as i32)
            .field("framerate", gst::Fraction::new(30, 1))
            .build();
        let buffer = gst::Buffer::from_slice(vec![brightness; WIDTH * HEIGHT]);
        let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
        feeder.push_frame(sample, None, None);
    }

    fn waiting(feeder: &Feeder) -> Option<usize> {
        let rest = &mut lock(&feeder.state).rest;
        rest.backlog().map(|backlog| backlog.len())
    }

    #[test]
    fn a_change_that_comes_in_between_keeps_the_stream() {
        let feeder = feeder();
        assert_eq!(feeder.newest_change(), None);
        show(&feeder, 20);
        let first = feeder.newest_change().expect("the first frame is new");
        show(&feeder, 20);
        assert_eq!(feeder.newest_change(), Some(first));
        show(&feeder, 90);
        assert!(!feeder.begin_rest(Some(first), false));
        let newest = feeder.newest_change().expect("a change");
        assert!(newest > first && feeder.begin_rest(Some(newest), false));
    }

    #[test]
    fn frames_wait_from_the_change_on() {
        let feeder = feeder();
        feeder.attach(&chain());
        show(&feeder, 20);
        let change = feeder.newest_change().expect("a change");
        assert!(feeder.begin_rest(Some(change), false));
        show(&feeder, 20);
        show(&feeder, 20);
        assert_eq!(waiting(&feeder), None);
        show(&feeder, 90);
        show(&feeder, 90);
        assert_eq!(waiting(&feeder), Some(2));
        // The connection is made, and lost again.
        feeder.attach(&chain());
        feeder.detach();
        show(&feeder, 90);
        assert_eq!(waiting(&feeder), Some(3));
        // They are only given up if no stream comes any more.
        feeder.end_rest();
        assert_eq!(waiting(&feeder), None);
    }

    #[test]
    fn without_a_change_the_newest_frame_is_the_first() {
        let feeder = feeder();
        show(&feeder, 20);
        let change = feeder.newest_change().expect("a change");
        assert!(feeder.begin_rest(Some(change), false));
        show(&feeder, 20);
        show(&feeder, 20);
        feeder.wake();
        assert_eq!(waiting(&feeder), Some(1));
        // A second reason changes nothing.
        show(&feeder, 90);
        feeder.wake();
        assert_eq!(waiting(&feeder), Some(2));
    }
}
