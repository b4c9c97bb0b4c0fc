// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The end of the video, and video that begins anew after it.

use std::time::{Duration, Instant};

use gst::subclass::prelude::*;

use super::drain::Drain;
use super::retries::Retries;
use super::{Controller, FLUSH_TIMEOUT, Phase, report};
use crate::session::error::{Error, Kind, Stage};
use crate::sink::OvershootSink;
use crate::sink::enums::State;

fn ended_unconnected() -> Error {
    Error::new(
        Kind::Media,
        Stage::Connect,
        "The live video ended while there was no connection: its last frames were not sent, and there are no answers about them. Wait for the state streaming before you end the video.",
    )
}

fn ended_unanswered() -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        "The video has ended, and no answer about it has come: it may be shorter than an answer needs. Repeat a still picture with the element imagefreeze, or set a smaller clip-length-seconds or interval-seconds, or a larger drain-timeout.",
    )
}

impl Controller {
    /// Handles the end of the video, and video that begins anew.
    pub(super) fn follow_playback(&mut self, element: &OvershootSink) {
        let now = *self.channels.playback.borrow_and_update();
        if now.part != self.part {
            // The last answers of the part before are awaited first, unless a flush has removed its end.
            // `finish` calls this again.
            if !now.flushed && !self.video_end_handled {
                self.video_ended(element);
            }
            if !now.flushed && self.phase.is_ending() {
                return;
            }
            self.begin_part(element, now.part);
        }
        if now.ended && !self.video_end_handled {
            self.video_ended(element);
        }
    }

    /// Video begins anew after its end.
    fn begin_part(&mut self, element: &OvershootSink, part: u64) {
        self.part = part;
        element.imp().restart_answer_pads();
        if std::mem::take(&mut self.video_end_handled) && !matches!(self.phase, Phase::Over) {
            self.close_attempt();
            self.end_wake();
            self.fail_open_questions(element, None);
            (self.streamed, self.answered) = (false, false);
            self.retries = Retries::default();
            element.imp().show_state(State::Connecting, None, None);
            self.phase = Phase::Waiting(Instant::now());
        }
        // The encoder of a running stream has not seen the end; after a final failure, no video flows.
        if matches!(self.phase, Phase::Streaming(_) | Phase::Over) {
            element.imp().release_preroll(part);
        }
    }

    /// Handles the end of the video.
    fn video_ended(&mut self, element: &OvershootSink) {
        self.video_end_handled = true;
        self.withdraw_late_question(element);
        match std::mem::replace(&mut self.phase, Phase::Over) {
            phase @ Phase::Streaming(_) => {
                self.phase = phase;
                self.flush();
            }
            // Nothing was sent, so no answer will come.
            phase @ (Phase::Connecting(_) | Phase::Waiting(_)) => {
                self.phase = phase;
                if !self.end_after_wake() {
                    self.end_unconnected(element);
                }
            }
            Phase::Idle(_) | Phase::Spent => self.finish(element),
            phase @ (Phase::Ended(_) | Phase::Over) => {
                self.phase = phase;
                element.imp().forward_eos();
            }
            phase @ (Phase::Flushing(..) | Phase::Draining(..)) => self.phase = phase,
        }
    }

    /// Ends the video that flows.
    pub(super) fn flush(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Streaming(attempt) => Phase::Flushing(attempt, Instant::now() + FLUSH_TIMEOUT),
            phase => phase,
        };
        if !self.video.end() {
            self.drain();
        }
    }

    /// The video has ended, and its last frames cannot be sent.
    pub(super) fn end_unconnected(&mut self, element: &OvershootSink) {
        if self.video.newest_arrival().is_some() {
            report::post_failure(element, &ended_unconnected(), false, self.streamed);
        }
        self.finish(element);
    }

    /// Waits for the last answers.
    pub(super) fn drain(&mut self) {
        let last_frame = self.video.last_frame_sent().unwrap_or_else(Instant::now);
        // On demand and after events, only questions that were asked are answered. After the end of the budget, none is.
        let bound = match self.awaits_no_answer() || self.account.used_up().is_some() {
            true => Duration::ZERO,
            false => self.plan.drain_timeout,
        };
        let drain = Drain::new(last_frame, self.interval, bound, self.pace);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Flushing(attempt, _) | Phase::Draining(attempt, _) => {
                Phase::Draining(attempt, drain)
            }
            phase => phase,
        };
    }

    /// Deletes the stream after the last answer, and forwards EOS. On demand, the stream stays until the element stops:
    /// the application may ask about the whole video.
    pub(super) fn finish(&mut self, element: &OvershootSink) {
        let on_demand = self.is_on_demand();
        let stays = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Draining(attempt, _) if on_demand => Some(attempt),
            phase => {
                self.phase = phase;
                None
            }
        };
        if matches!(self.phase, Phase::Draining(..))
            && !self.answered
            && !self.awaits_no_answer()
            && self.account.used_up().is_none()
            && self.video.newest_arrival().is_some()
        {
            report::post_failure(element, &ended_unanswered(), false, true);
        }
        if stays.is_none() {
            self.close_attempt();
            self.end_wake();
            self.fail_open_questions(element, None);
            let reason = Some("end of stream");
            element.imp().show_state(State::Closed, None, reason);
        }
        self.deliver_all(element);
        self.phase = Phase::Ended(stays);
        self.end_progress(element, gst::ProgressType::Canceled, "End of stream");
        element.imp().release_preroll(self.part);
        element.imp().forward_eos();
        // Video may have begun anew while the last answers were awaited.
        self.channels.playback.mark_changed();
    }
}
