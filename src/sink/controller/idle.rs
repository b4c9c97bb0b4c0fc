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
use crate::session::Answer;
use crate::session::error::Error;
use crate::session::keep_warm::keep_warm;
use crate::sink::enums::State;
use crate::sink::{CAT, OvershootSink};

/// A stream that does not answer about the last change is deleted all the same after this time, and `idle-timeout`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// There is nothing to look at.
pub(super) struct Idle {
    /// When the scene is looked at once, although nothing has changed.
    next_look: Option<Instant>,
    /// Keeps a connection to the service open. It ends with the phase. `None`: it has ended.
    warm: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Idle {
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
    /// `every` of `ask-when` has passed.
    Interval,
    /// There is a new question.
    Prompt,
}

impl Cause {
    fn reason(self) -> &'static str {
        match self {
            Self::Change => "the scene has changed",
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
        wake.cause != Cause::Change && self.video.newest_change() < Some(wake.at)
    }

    /// Deletes the stream if nothing has changed for `idle-timeout`.
    pub(super) fn rest_if_still(&mut self, element: &OvershootSink) {
        let Some(idle) = self.plan.idle else {
            return;
        };
        let (Some(change), Some(connected)) = (self.video.newest_change(), self.watchdog.since())
        else {
            return;
        };
        let still_for = change.max(connected).elapsed();
        let newest_prompt = self.live.prompt.borrow().serial;
        let answered = self.answered_prompt.as_ref();
        let is_answered = answered.is_none_or(|prompt| prompt.serial >= newest_prompt);
        let is_seen = (self.pace.has_seen(change) && is_answered)
            || still_for > idle.timeout + ANSWER_TIMEOUT;
        if still_for >= idle.timeout && is_seen {
            self.rest(element);
        }
    }

    /// Deletes the stream until something changes. A stream that is needed otherwise stays.
    pub(super) fn rest(&mut self, element: &OvershootSink) {
        let (Some(idle), Some(change)) = (self.plan.idle, self.video.newest_change()) else {
            return;
        };
        // A change after this wakes the controller.
        let newest_prompt = self.live.prompt.borrow_and_update().serial;
        let asked = self.phase.attempt().and_then(Attempt::asked);
        let is_needed = asked.is_some_and(|asked| asked.prompt.serial != newest_prompt)
            || self.outgoing.is_some()
            || !self.open_questions.is_empty();
        if is_needed || !matches!(self.phase, Phase::Streaming(_)) || !self.video.begin_rest(Some(change))
        {
            return;
        }
        let next_look = idle.every.map(|every| Instant::now() + every);
        let (url, key) = (self.plan.api_url.clone(), self.plan.api_key.clone());
        let resting = Phase::Idle(Idle {
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
            change.elapsed()
        );
        element
            .imp()
            .show_state(State::Idle, None, Some("the scene does not change"));
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
            Some(wake) if is_connecting && wake.cause == Cause::Change && !timeout.is_zero() => {
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
