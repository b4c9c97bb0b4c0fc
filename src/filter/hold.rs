// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `hold`: a queue that delays video. Live frames leave it when they have waited that long. Other frames
//! leave it when the sink takes them: the queue is this much ahead.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::answers::Frame;
use crate::lock::lock;

pub const PROPERTY: &str = "hold";
/// The longest delay.
pub const MAX: gst::ClockTime = gst::ClockTime::from_seconds(60);
/// The longest queue: 60 s of 60 frames per second.
const MAX_FRAMES: usize = 3600;
/// The largest queue: 5 s of raw 1080p30.
const MAX_BYTES: usize = 512 << 20;

pub struct Hold {
    pub delay: gst::ClockTime,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    items: VecDeque<Item>,
    frames: usize,
    bytes: usize,
    live: Option<bool>,
    /// The video has ended: what waits leaves at once.
    is_ending: bool,
    is_flushing: bool,
    /// What is behind this element has failed.
    failure: Option<gst::FlowError>,
    /// The queue was full although the video is live.
    was_full: bool,
}

pub enum Item {
    Frame(gst::Buffer, Frame),
    Event(gst::Event),
}

impl Hold {
    pub fn new(delay: gst::ClockTime) -> Self {
        Self {
            delay,
            state: Mutex::new(State {
                items: VecDeque::new(),
                frames: 0,
                bytes: 0,
                live: None,
                is_ending: false,
                is_flushing: false,
                failure: None,
                was_full: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub fn is_live(&self) -> Option<bool> {
        lock(&self.state).live
    }

    pub fn set_live(&self, live: bool) {
        lock(&self.state).live = Some(live);
        self.changed.notify_all();
    }

    /// Adds a frame. If the queue is full, this waits until what is behind this element takes one. Returns whether a live
    /// queue was full for the first time.
    ///
    /// # Errors
    /// What is behind this element has failed, or a flush or the stop of the element goes on.
    pub fn push_frame(&self, buffer: gst::Buffer, frame: Frame) -> Result<bool, gst::FlowError> {
        let mut state = lock(&self.state);
        let is_new = state.live == Some(true) && self.is_full(&state) && !state.was_full;
        state.was_full |= is_new;
        let must_wait = |state: &mut State| {
            self.is_full(state) && !state.is_flushing && state.failure.is_none()
        };
        state = wait(self.changed.wait_while(state, must_wait));
        if state.is_flushing {
            return Err(gst::FlowError::Flushing);
        }
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        state.frames += 1;
        state.bytes += buffer.size();
        state.is_ending = false;
        state.items.push_back(Item::Frame(buffer, frame));
        self.changed.notify_all();
        Ok(is_new)
    }

    pub fn push_event(&self, event: gst::Event) {
        let mut state = lock(&self.state);
        if state.is_flushing {
            return;
        }
        state.is_ending = event.type_() == gst::EventType::Eos;
        state.items.push_back(Item::Event(event));
        self.changed.notify_all();
    }

    /// Waits for the next item that may leave. `None`: a flush or the stop of the element goes on.
    pub fn next(&self) -> Option<Item> {
        let mut state = lock(&self.state);
        loop {
            if state.is_flushing {
                return None;
            }
            let wait_time = match state.items.front() {
                None => None,
                Some(Item::Event(_)) => Some(Duration::ZERO),
                Some(Item::Frame(_, frame)) => {
                    let leaves_now =
                        state.live != Some(true) || state.is_ending || self.is_full(&state);
                    let due = frame.arrived + Duration::from(self.delay);
                    let left = due.saturating_duration_since(Instant::now());
                    Some(if leaves_now { Duration::ZERO } else { left })
                }
            };
            state = match wait_time {
                None => wait(self.changed.wait(state)),
                Some(Duration::ZERO) => break,
                Some(time) => {
                    let waited = self.changed.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let item = state.items.pop_front()?;
        if let Item::Frame(buffer, _) = &item {
            state.frames -= 1;
            state.bytes -= buffer.size();
            self.changed.notify_all();
        }
        Some(item)
    }

    fn is_full(&self, state: &State) -> bool {
        let span = || {
            let mut frames = state.items.iter().filter_map(Item::running_time);
            let (first, last) = (frames.next()?, frames.next_back()?);
            Some(last.saturating_sub(first))
        };
        state.frames >= MAX_FRAMES
            || state.bytes >= MAX_BYTES
            || (state.live == Some(false) && span().is_some_and(|span| span >= self.delay))
    }

    /// What to do if a live queue is full.
    pub fn limit_text(&self) -> &'static str {
        "hold is shortened, because delayed video may take 512 MiB and 3600 frames: set a shorter hold, or put overshootfilter where the video is smaller or still encoded."
    }

    pub fn fail(&self, failure: gst::FlowError) {
        let mut dropped = VecDeque::new();
        let mut state = lock(&self.state);
        if state.is_flushing {
            return;
        }
        state.failure = Some(failure);
        // Events still pass, so that everything behind this element ends in order.
        let items = std::mem::take(&mut state.items);
        let (events, frames) = items
            .into_iter()
            .partition(|item| matches!(item, Item::Event(_)));
        state.items = events;
        (state.frames, state.bytes) = (0, 0);
        dropped.extend::<VecDeque<Item>>(frames);
        self.changed.notify_all();
    }

    /// The failure, if it is one to report.
    pub fn failure(&self) -> Option<gst::FlowError> {
        let failure = lock(&self.state).failure;
        failure.filter(|flow| !matches!(flow, gst::FlowError::Flushing | gst::FlowError::Eos))
    }

    /// Drops everything, and wakes whoever waits.
    pub fn flush_start(&self) {
        let dropped = {
            let mut state = lock(&self.state);
            state.is_flushing = true;
            (state.frames, state.bytes) = (0, 0);
            std::mem::take(&mut state.items)
        };
        self.changed.notify_all();
        drop(dropped);
    }

    pub fn flush_stop(&self) {
        let mut state = lock(&self.state);
        state.is_flushing = false;
        state.is_ending = false;
        state.failure = None;
    }

    /// The element stops.
    pub fn close(&self) {
        self.flush_start();
    }
}

impl Item {
    fn running_time(&self) -> Option<gst::ClockTime> {
        match self {
            Self::Frame(_, frame) => frame.running_time,
            Self::Event(_) => None,
        }
    }
}

fn wait<'a>(
    waited: Result<MutexGuard<'a, State>, PoisonError<MutexGuard<'a, State>>>,
) -> MutexGuard<'a, State> {
    waited.unwrap_or_else(PoisonError::into_inner)
}
