// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! No stream while there is nothing to look at (API v0.2, which bills the time), and a new one when there is something.
//!
//! The frames from the change on wait in the feeder. A wake-up is no reconnection, unless its connection fails.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::{Duration, Instant};

use gst::subclass::prelude::*;

use super::attempt::Attempt;
use super::replacement::Outgoing;
use super::{Controller, Phase};
use crate::session::error::Error;
use crate::session::keep_warm::keep_warm;
use crate::session::{Answer, Api};
use crate::sink::answers::messages;
use crate::sink::config::idle::Idle;
use crate::sink::enums::State;
use crate::sink::{CAT, OvershootSink};

/// A stream that does not answer about the last change is deleted all the same after this time, and `idle-timeout`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// There is nothing to look at.
pub(super) struct Resting {
    /// When the scene is looked at once, although nothing has changed.
    next_look: Option<Instant>,
    /// Keeps a connection to the service open. It ends with the phase. `None`: it has ended.
    warm: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Resting {
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Keeps a connection to the service open. It never returns.
    pub(super) async fn keep_warm(&mut self) -> Infallible {
        if let Some(warm) = &mut self.warm {
            warm.await;
            self.warm = None;
        }
        pending().await
    }
}

/// Why there is a stream again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// There is something to look at.
    Change,
    /// There is an event.
    Event,
    /// `every` of `ask-when` has passed.
    Interval,
    /// There is a new question.
    Prompt,
}

impl Cause {
    /// Whether frames wait that must not be lost.
    fn has_frames(self) -> bool {
        matches!(self, Self::Change | Self::Event)
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Change => "the scene has changed",
            Self::Event => "there is an event",
            Self::Interval => "a look at the still scene is due",
            Self::Prompt => "the question has changed",
        }
    }
}

/// A wake-up.
pub(super) struct Wake {
    at: Instant,
    cause: Cause,
    /// The video has ended meanwhile: its last frames must be on their way by this time.
    end_by: Option<Instant>,
}

impl Wake {
    pub(super) fn end_by(&self) -> Option<Instant> {
        self.end_by
    }
}

impl Controller {
    /// Whether the stream is to be deleted after this answer: it was asked for once, and nothing has changed meanwhile.
    pub(super) fn is_last_look(&mut self, answer: &Answer) -> bool {
        if answer.ask_serial.is_some() || answer.result.ok == Some(false) {
            return false;
        }
        let Some(wake) = self
            .wake
            .take_if(|_| matches!(self.phase, Phase::Streaming(_)))
        else {
            return false;
        };
        !wake.cause.has_frames() && self.video.newest_change() < Some(wake.at)
    }

    /// Deletes the stream if there is nothing to look at any more.
    pub(super) fn rest_if_idle(&mut self, element: &OvershootSink) {
        // A change after this keeps the stream.
        let change = self.video.newest_change();
        let is_due = match self.plan.idle {
            None => false,
            Some(Idle::Still { timeout, .. }) => self.is_still(change, timeout),
            Some(Idle::NoEvent { .. }) => self.is_after_events(),
        };
        if is_due {
            self.rest(element, change);
        }
    }

    /// Whether nothing has changed for `timeout`, and the last change was answered.
    fn is_still(&self, change: Option<Instant>, timeout: Duration) -> bool {
        let (Some(change), Some(connected)) = (change, self.watchdog.since()) else {
            return false;
        };
        let still_for = change.max(connected).elapsed();
        let newest_prompt = self.live.prompt.borrow().serial;
        let answered = self.answered_prompt.as_ref();
        let is_answered = answered.is_none_or(|prompt| prompt.serial >= newest_prompt);
        let is_seen =
            (self.pace.has_seen(change) && is_answered) || still_for > timeout + ANSWER_TIMEOUT;
        still_for >= timeout && is_seen
    }

    /// Whether no event is asked about now, and all of the last one was answered.
    fn is_after_events(&self) -> bool {
        let Some(window) = &self.live.ask_window else {
            return false;
        };
        let window = window.borrow();
        let Some((_, end)) = window.times() else {
            return true;
        };
        // The answer after this one would be about the time after the end.
        let last_frame = (end + Duration::from(self.video.age())).checked_sub(self.interval);
        let is_seen = last_frame.is_none_or(|frame| self.pace.has_seen(frame));
        let connected = self.watchdog.since();
        let waited = connected.map_or(Duration::ZERO, |at| at.max(end).elapsed());
        !window.is_open(Instant::now())
            && ((is_seen && !window.is_answer_missing()) || waited > ANSWER_TIMEOUT)
    }

    /// When the newest frame arrived that an answer is about.
    pub(super) fn seen_until(&self, answer: &Answer) -> Instant {
        let latency = messages::latency(answer).unwrap_or_default();
        let sent = answer.arrived.checked_sub(latency);
        let sent = sent.unwrap_or(answer.arrived);
        let delay = Duration::from(self.video.delay_at(sent));
        sent.checked_sub(delay).unwrap_or(sent)
    }

    /// Whether an answer is passed on: API v0.2 answers all the time, also if only events are to be asked about.
    pub(super) fn is_wanted(&self, answer: &Answer) -> bool {
        let window = self.live.ask_window.as_ref();
        let is_own = self.plan.api == Api::V02 && answer.ask_serial.is_none();
        let Some(window) = window.filter(|_| is_own) else {
            return true;
        };
        let seen = self.seen_until(answer);
        let captured = seen.checked_sub(self.video.age().into()).unwrap_or(seen);
        let mut is_wanted = false;
        window.send_modify(|window| {
            is_wanted = window.wants(captured);
            if let Some(newest) = window.newest()
                && window.is_shown_first(captured)
                && answer.result.ok != Some(false)
            {
                window.answered(newest.number);
            }
        });
        if !is_wanted {
            let age = captured.elapsed();
            gst::debug!(CAT, "an answer about {age:?} ago is about no event");
        }
        is_wanted
    }

    /// Deletes the stream until something changes. A stream that is needed otherwise stays.
    /// `change` was the newest one.
    pub(super) fn rest(&mut self, element: &OvershootSink, change: Option<Instant>) {
        let Some(idle) = self.plan.idle else {
            return;
        };
        let newest_prompt = self.live.prompt.borrow_and_update().serial;
        let asked = self.phase.attempt().and_then(Attempt::asked);
        let is_needed = asked.is_some_and(|asked| asked.prompt.serial != newest_prompt)
            || self.outgoing.is_some()
            || !self.open_questions.is_empty();
        // After the time that events are about, none of those that wait is asked about.
        let drops_waiting = matches!(idle, Idle::NoEvent { .. });
        if is_needed
            || !matches!(self.phase, Phase::Streaming(_))
            || !self.video.begin_rest(change, drops_waiting)
        {
            return;
        }
        let next_look = idle.every().map(|every| Instant::now() + every);
        let (url, key) = (self.plan.api_url.clone(), self.plan.api_key.clone());
        let resting = Phase::Idle(Resting {
            next_look,
            warm: Some(Box::pin(keep_warm(self.plan.api, url, key))),
        });
        if let Phase::Streaming(attempt) = std::mem::replace(&mut self.phase, resting) {
            self.outgoing = Some(Outgoing::stopped(attempt, self.epoch));
        }
        self.wake = None;
        self.stats.disconnected();
        gst::info!(
            CAT,
            obj = element,
            "idle: the last change was {:?} ago",
            change.map(|change| change.elapsed())
        );
        let reason = match idle {
            Idle::Still { .. } => "the scene does not change",
            Idle::NoEvent { .. } => "there is no event",
        };
        element.imp().show_state(State::Idle, None, Some(reason));
    }

    /// Whether only events bring a stream back.
    pub(super) fn awaits_event(&self) -> bool {
        matches!(self.plan.idle, Some(Idle::NoEvent { .. }))
    }

    /// Makes a stream again.
    pub(super) fn wake(&mut self, element: &OvershootSink, cause: Cause) -> Result<(), Error> {
        if !matches!(self.phase, Phase::Idle(_)) {
            return Ok(());
        }
        self.video.wake();
        self.wake = Some(Wake {
            at: Instant::now(),
            cause,
            end_by: None,
        });
        element
            .imp()
            .show_state(State::Connecting, None, Some(cause.reason()));
        self.connect(element)
    }

    /// The video ends while the frames of a change wait for their stream: that is awaited for up to `drain-timeout`. Returns
    /// whether it is.
    pub(super) fn end_after_wake(&mut self) -> bool {
        let is_connecting = matches!(self.phase, Phase::Connecting(_));
        let timeout = self.plan.drain_timeout;
        match &mut self.wake {
            Some(wake) if is_connecting && wake.cause.has_frames() && !timeout.is_zero() => {
                wake.end_by = Some(Instant::now() + timeout);
                true
            }
            _ => false,
        }
    }

    /// Whether the video has ended while the frames of a change wait for their stream.
    pub(super) fn ends_after_wake(&self) -> bool {
        self.wake.as_ref().is_some_and(|wake| wake.end_by.is_some())
    }

    /// No stream will take the frames that wait.
    pub(super) fn end_wake(&mut self) {
        self.wake = None;
        self.video.end_rest();
    }
}
