// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The phases of a controller. The current attempt is stored inside the phase, so that no phase can lack the attempt
//! that it needs.

use std::time::Instant;

use super::attempt::{Attempt, AttemptEvent};
use super::drain::Drain;
use super::idle::Resting;

pub(super) enum Phase {
    /// The next attempt starts at this time.
    Waiting(Instant),
    /// No video flows yet.
    Connecting(Attempt),
    /// Video flows.
    Streaming(Attempt),
    /// The video has ended. The last frames leave the encoder, at the latest at this time.
    Flushing(Attempt, Instant),
    /// All frames were sent. The controller waits for the last answers.
    Draining(Attempt, Drain),
    /// There is nothing to look at, so there is no stream until there is.
    Idle(Resting),
    /// The budget is used up, so there is no stream until it is raised.
    Spent,
    /// The video has ended. It may begin anew. A stream that the application asks about stays.
    Ended(Option<Attempt>),
    /// Only stopping is left to do.
    Over,
}

impl Phase {
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _)
            | Self::Ended(Some(attempt)) => Some(attempt),
            Self::Waiting(_) | Self::Idle(_) | Self::Spent | Self::Ended(None) | Self::Over => None,
        }
    }

    pub(super) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _)
            | Self::Ended(Some(attempt)) => Some(attempt),
            Self::Waiting(_) | Self::Idle(_) | Self::Spent | Self::Ended(None) | Self::Over => None,
        }
    }

    pub(super) fn into_attempt(self) -> Option<Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _)
            | Self::Ended(Some(attempt)) => Some(attempt),
            Self::Waiting(_) | Self::Idle(_) | Self::Spent | Self::Ended(None) | Self::Over => None,
        }
    }

    /// The stream's identifier, once the service has created the stream.
    pub(super) fn stream_id(&self) -> Option<&str> {
        self.attempt().and_then(Attempt::stream_id)
    }

    /// Whether the video has ended and the stream still drains.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self, Self::Flushing(..) | Self::Draining(..))
    }

    /// When the phase must act even if no event arrives.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting(attempt) => attempt.step.deadline(),
            Self::Flushing(_, until) | Self::Waiting(until) => Some(*until),
            Self::Draining(_, drain) => Some(drain.deadline()),
            Self::Idle(idle) => idle.next_look(),
            Self::Streaming(_) | Self::Spent | Self::Ended(_) | Self::Over => None,
        }
    }

    /// The next event of the attempt. Waits forever if there is no attempt.
    pub(super) async fn next_event(&mut self) -> AttemptEvent {
        if let Self::Idle(idle) = self {
            match idle.keep_warm().await {}
        }
        match self.attempt_mut() {
            Some(attempt) => attempt.next_event().await,
            None => std::future::pending().await,
        }
    }
}
