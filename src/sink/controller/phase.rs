//! The phases of a controller. The attempt lives inside the phase that it is in, so that no phase can be without
//! the attempt that it needs.

use std::time::Instant;

use super::attempt::{Attempt, AttemptEvent};
use super::drain::Drain;

pub(super) enum Phase {
    /// Until the next attempt starts.
    Waiting(Instant),
    /// No video flows yet.
    Connecting(Attempt),
    /// Video flows.
    Streaming(Attempt),
    /// The video has ended. The last frames leave the encoder, until then at the latest.
    Flushing(Attempt, Instant),
    /// All frames were sent. The last answers are awaited.
    Draining(Attempt, Drain),
    /// Nothing is left to do, except to stop.
    Over,
}

impl Phase {
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _) => Some(attempt),
            Self::Waiting(_) | Self::Over => None,
        }
    }

    pub(super) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _) => Some(attempt),
            Self::Waiting(_) | Self::Over => None,
        }
    }

    pub(super) fn into_attempt(self) -> Option<Attempt> {
        match self {
            Self::Connecting(attempt)
            | Self::Streaming(attempt)
            | Self::Flushing(attempt, _)
            | Self::Draining(attempt, _) => Some(attempt),
            Self::Waiting(_) | Self::Over => None,
        }
    }

    /// The service's name for the stream, once there is one.
    pub(super) fn stream_id(&self) -> Option<&str> {
        self.attempt().and_then(Attempt::stream_id)
    }

    /// The video has ended, and the end of the stream is not over yet.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self, Self::Flushing(..) | Self::Draining(..))
    }

    /// When something is due though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting(attempt) => attempt.step.deadline(),
            Self::Flushing(_, until) | Self::Waiting(until) => Some(*until),
            Self::Draining(_, drain) => Some(drain.deadline()),
            Self::Streaming(_) | Self::Over => None,
        }
    }

    /// The next event of the attempt. Never returns while there is none.
    pub(super) async fn next_event(&mut self) -> AttemptEvent {
        match self.attempt_mut() {
            Some(attempt) => attempt.next_event().await,
            None => std::future::pending().await,
        }
    }
}
