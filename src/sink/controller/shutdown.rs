// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Failures: reconnect, or give up.

use std::time::{Duration, Instant};

use gst::subclass::prelude::*;

use super::attempt::Attempt;
use super::report;
use super::{Controller, Phase};
use crate::session::error::{Error, Kind, Stage};
use crate::session::prompt::NOT_CHANGED;
use crate::sink::config::transport::Route;
use crate::sink::enums::{OnError, State};
use crate::sink::{CAT, OvershootSink};

/// If the service forgets this many streams and none brings an answer, no other is made.
const MAX_FORGOTTEN_STREAMS: u32 = 4;

impl Controller {
    /// Reconnects after a failure, or gives up.
    pub(super) fn handle_failure(&mut self, element: &OvershootSink, error: Error) {
        gst::info!(CAT, obj = element, "{error} ({:?})", error.kind);
        let stream_created = self.phase.stream_id().is_some();
        if self.is_replacing() {
            return self.withdraw_question(element, error);
        }
        if matches!(self.phase, Phase::Ended(_)) {
            return self.lose_ended_stream(element, &error);
        }
        let error = self.original_error(error, stream_created);
        if self.ends_after_wake() {
            self.close_attempt();
            report::post_failure(element, &error, false, true);
            return self.end_unconnected(element);
        }
        // From now on it is a lost stream as any other. Its frames go on waiting.
        self.wake = None;
        let error = self.count_forgotten_streams(error, stream_created);
        let ending = self.phase.is_ending();
        if !ending {
            element.imp().hold_frames();
        }
        let turn_servers = self
            .phase
            .attempt_mut()
            .map(Attempt::take_turn_servers)
            .unwrap_or_default();
        self.close_attempt();
        if !ending && self.use_other_address(element, &error) {
            self.phase = Phase::Waiting(Instant::now());
            return;
        }
        self.fail_open_questions(element, Some(&error));
        let relay_helps = !ending
            && error.stage == Stage::Connect
            && error.kind == Kind::Media
            && self.more_turn_servers.is_empty()
            && !turn_servers.is_empty();
        if !ending && !relay_helps && self.fall_back_to_room(&error) {
            self.phase = Phase::Waiting(Instant::now());
            return;
        }
        if !ending && let Some(pause) = self.first_connection_pause(&error) {
            let seconds = self.plan.timeout.as_secs_f64();
            let next = format!("Trying again for up to {seconds} s (timeout).");
            self.report_retry(element, &error.followed_by(&next));
            self.phase = Phase::Waiting(Instant::now() + pause);
            return;
        }
        self.end_progress(element, gst::ProgressType::Error, "Not connected");
        if ending {
            report::post_failure(element, &error, false, true);
            return self.finish(element);
        }
        // Once TURN servers are in use, the newest ones replace them: their passwords may expire.
        if relay_helps || !(turn_servers.is_empty() || self.more_turn_servers.is_empty()) {
            self.more_turn_servers = turn_servers;
        }
        let withdrawn = self.withdraw_refused_prompt(element, &error);
        let error = match withdrawn {
            true => error.preceded_by(NOT_CHANGED),
            false => error,
        };
        if relay_helps || withdrawn || self.should_reconnect(&error) {
            let pause = match relay_helps {
                true => Duration::ZERO,
                false => self.retries.next_pause(&error),
            };
            self.stats.reconnects();
            match withdrawn {
                // Each refused prompt is another cause.
                true => report::post_failure(element, &error, false, self.streamed),
                false => self.report_retry(element, &error),
            }
            element
                .imp()
                .show_state(State::Reconnecting, None, Some(&error.message));
            self.phase = Phase::Waiting(Instant::now() + pause);
            if self.plan.on_error == OnError::Error {
                return;
            }
        } else {
            self.give_up(element, &error);
        }
        element.imp().release_preroll(self.part);
    }

    /// The stream that stayed after the end of the video is lost.
    fn lose_ended_stream(&mut self, element: &OvershootSink, error: &Error) {
        self.close_attempt();
        self.phase = Phase::Ended(None);
        self.fail_open_questions(element, Some(error));
        report::post_failure(element, error, false, true);
        let reason = Some(&*error.message);
        element.imp().show_state(State::Closed, None, reason);
    }

    /// The pause before the next try of the first connection, while it may still succeed within `timeout`: the
    /// service may be restarting. With `on-error=warn` and `reconnect` it is tried for ever instead.
    fn first_connection_pause(&mut self, error: &Error) -> Option<Duration> {
        let tries_for_ever = self.plan.on_error == OnError::Warn && self.plan.reconnect;
        if self.streamed || tries_for_ever {
            return None;
        }
        self.retries.next_first_pause(error, self.plan.timeout)
    }

    /// Reports a failure after which the element tries again: each cause once.
    pub(super) fn report_retry(&mut self, element: &OvershootSink, error: &Error) {
        if self.retries.is_news(error) {
            report::post_failure(element, error, false, self.streamed);
        }
    }

    /// Whether to reconnect after this error. If the first connection can't succeed within `timeout`, that is an
    /// error, because otherwise nobody would notice a wrong address. With `on-error=warn` the pipeline must run
    /// unattended, so the first connection is also tried again.
    pub(super) fn should_reconnect(&self, error: &Error) -> bool {
        let tries_left = u32::try_from(self.plan.max_reconnects)
            .is_ok_and(|max| self.retries.failures() < max)
            || self.plan.max_reconnects < 0;
        self.plan.reconnect
            && tries_left
            && self.forgotten_streams < MAX_FORGOTTEN_STREAMS
            && (error.retryable() || (self.streamed && self.worked_before(error)))
            && (self.streamed || self.plan.on_error == OnError::Warn)
    }

    /// Counts the streams that the service forgot before they brought an answer. A gateway that loses its way to the
    /// streams loses each of them, and each is paid for.
    fn count_forgotten_streams(&mut self, error: Error, stream_created: bool) -> Error {
        // A 404 in the room is the LiveKit server's.
        let is_forgotten = error.status_code == Some(404) && error.stage != Stage::Room;
        if !(stream_created && is_forgotten) {
            return error;
        }
        self.forgotten_streams += 1;
        if self.forgotten_streams < MAX_FORGOTTEN_STREAMS {
            return error;
        }
        error.followed_by(&format!(
            "The last {MAX_FORGOTTEN_STREAMS} streams were lost like this, and none brought an answer, so no other is made: check that what is between this host and the service lets cookies pass."
        ))
    }

    /// Whether something failed that worked before and that no setting can fix. Either a web page or a redirect came
    /// instead of a response from the service, for example from a captive portal, or a room that the service made
    /// failed. The next stream gets another room.
    fn worked_before(&self, error: &Error) -> bool {
        let is_media_stage = matches!(error.stage, Stage::Connect | Stage::Media | Stage::Room);
        let is_page = !is_media_stage && error.kind == Kind::Protocol;
        is_page || (error.stage == Stage::Room && matches!(self.route, Route::Room(None)))
    }

    /// Reports the error, as fatal unless `on-error=warn`, and ends.
    pub(super) fn give_up(&mut self, element: &OvershootSink, error: &Error) {
        self.phase = Phase::Over;
        self.end_wake();
        let fatal = self.plan.on_error == OnError::Error;
        report::post_failure(element, error, fatal, self.streamed);
        if fatal {
            self.video.fail();
        }
        element
            .imp()
            .show_state(State::Closed, None, Some(&error.message));
    }

    /// Ends the attempt, if there is one. The caller chooses the next phase.
    pub(super) fn close_attempt(&mut self) {
        self.video.detach();
        let outgoing = self.take_outgoing();
        let attempt = std::mem::replace(&mut self.phase, Phase::Over).into_attempt();
        let attempt = attempt.map(|attempt| (attempt, self.epoch));
        for (attempt, epoch) in [attempt, outgoing].into_iter().flatten() {
            self.close(attempt, epoch);
        }
    }

    /// Ends a stream and its connection. `epoch` is its number.
    pub(super) fn close(&mut self, attempt: Attempt, epoch: u64) {
        let element = self.element.upgrade();
        attempt.close(|event| {
            if let Some(element) = &element {
                self.forward(element, event, epoch);
            }
        });
    }
}
