// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A new stream for a question that the current one cannot ask: API v0.2 changes nothing but the prompt of a running
//! stream. The current one gets frames and answers until the new one has answered, so there is no gap. If the new one
//! fails, the change is withdrawn.

use std::time::Instant;

use gst::subclass::prelude::*;

use super::attempt::{Attempt, AttemptEvent};
use super::watchdog::FIRST_ANSWER_TIMEOUT;
use super::{Controller, Phase, report};
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::RoomEvent;
use crate::session::retry::until;
use crate::session::{Api, Event};
use crate::sink::OvershootSink;
use crate::sink::answers::messages;
use crate::sink::enums::State;

const NOT_CHANGED: &str = "The question was not changed; the old one stays in use.";

/// A stream that is replaced by the one of the controller's phase.
pub(super) struct Outgoing {
    attempt: Attempt,
    /// Its number in `stream-epoch`.
    epoch: u64,
    /// When it ends, even if the newer stream has not answered. `None`: the newer one is not connected yet.
    end: Option<Instant>,
    progress: Progress,
}

/// How far the replacement is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The newer stream has not answered.
    Answering,
    /// The newer stream has answered. Questions that the application asked this one are open.
    LastQuestions,
    /// The stream is being deleted.
    Stopped,
}

/// The event of a stream that is replaced.
pub(super) enum OutgoingEvent {
    Attempt(AttemptEvent),
    TimeOver,
}

impl Outgoing {
    /// A stream that is deleted although no other one takes its place yet.
    pub(super) fn stopped(attempt: Attempt, epoch: u64) -> Self {
        attempt.stop();
        Self {
            attempt,
            epoch,
            end: None,
            progress: Progress::Stopped,
        }
    }

    fn is_answering(&self) -> bool {
        self.progress == Progress::Answering
    }

    /// The next event. Waits forever if there is no such stream.
    pub(super) async fn next_event(outgoing: &mut Option<Self>) -> OutgoingEvent {
        let Some(outgoing) = outgoing else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            event = outgoing.attempt.next_event() => OutgoingEvent::Attempt(event),
            () = until(outgoing.end.map(Into::into)) => OutgoingEvent::TimeOver,
        }
    }
}

impl Controller {
    /// Whether the current stream replaces another one, which still answers.
    pub(super) fn is_replacing(&self) -> bool {
        self.outgoing.as_ref().is_some_and(Outgoing::is_answering)
    }

    /// The stream that answers now.
    pub(super) fn answering(&self) -> Option<&Attempt> {
        let outgoing = self
            .outgoing
            .as_ref()
            .filter(|stream| stream.is_answering());
        let outgoing = outgoing.map(|outgoing| &outgoing.attempt);
        outgoing.or(self.phase.attempt())
    }

    /// Replaces the stream if it cannot ask the element's own question as that is now (API v0.2). A stream that is not
    /// connected yet is connected first.
    pub(super) fn follow_own_question(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let can_replace = matches!(self.phase, Phase::Streaming(_)) || self.is_replacing();
        let asked = self.phase.attempt().and_then(Attempt::asked);
        let Some(asked) = asked.filter(|_| can_replace && self.plan.api == Api::V02) else {
            return Ok(());
        };
        let is_same = {
            let serial = self.live.prompt.borrow().serial;
            let questions = self.live.questions.borrow();
            questions.is_own(asked.question.as_ref(), serial)
        };
        match is_same {
            true => Ok(()),
            false => self.replace_stream(element),
        }
    }

    fn replace_stream(&mut self, element: &OvershootSink) -> Result<(), Error> {
        // The change before this one is not complete: it is not awaited.
        self.restore_outgoing();
        self.close_outgoing();
        let attempt = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Streaming(attempt) => attempt,
            phase => {
                self.phase = phase;
                return Ok(());
            }
        };
        self.outgoing = Some(Outgoing {
            attempt,
            epoch: self.epoch,
            end: None,
            progress: Progress::Answering,
        });
        report::post_info(
            element,
            "set-question: API v0.2 changes nothing but the prompt of a running stream, so a new stream replaces this one. Until the new one has answered, both exist and are billed.",
        );
        self.connect(element)
    }

    /// The newer stream is connected.
    pub(super) fn limit_outgoing(&mut self) {
        if let Some(outgoing) = self.outgoing.as_mut().filter(|o| o.is_answering()) {
            outgoing.end = Some(Instant::now() + FIRST_ANSWER_TIMEOUT + self.interval * 2);
        }
    }

    /// The newer stream has answered: ends the one that it replaces, once its last questions are answered.
    pub(super) fn release_outgoing(&mut self, element: &OvershootSink) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        if outgoing.is_answering() {
            outgoing.progress = Progress::LastQuestions;
            if let Some(asked) = self.phase.attempt().and_then(Attempt::asked) {
                let id = self.phase.stream_id();
                report::post(element, messages::prompt(&asked.prompt, None, id));
            }
        }
        if self.open_questions.is_empty() {
            self.stop_outgoing();
        }
    }

    /// Begins to delete the stream that was replaced. Its end comes as an event.
    fn stop_outgoing(&mut self) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        if outgoing.progress != Progress::Stopped {
            outgoing.progress = Progress::Stopped;
            outgoing.end = None;
            outgoing.attempt.stop();
            self.video.release_outgoing();
        }
    }

    /// Waits for the end of the stream that was replaced.
    fn close_outgoing(&mut self) {
        self.stop_outgoing();
        if let Some(outgoing) = self.outgoing.take() {
            self.close(outgoing.attempt, outgoing.epoch);
        }
    }

    /// Removes the stream that is replaced, for an end of both. It begins to end now.
    pub(super) fn take_outgoing(&mut self) -> Option<(Attempt, u64)> {
        let outgoing = self.outgoing.take()?;
        outgoing.attempt.stop();
        Some((outgoing.attempt, outgoing.epoch))
    }

    pub(super) fn outgoing_event(&mut self, element: &OvershootSink, event: OutgoingEvent) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let epoch = outgoing.epoch;
        match event {
            OutgoingEvent::TimeOver => {
                self.fail_open_questions(element, None);
                self.stop_outgoing();
            }
            OutgoingEvent::Attempt(AttemptEvent::Session(None)) => self.close_outgoing(),
            // The newer stream comes anyway.
            OutgoingEvent::Attempt(AttemptEvent::Session(Some(Event::Failed(error))))
                if outgoing.progress != Progress::Stopped =>
            {
                if outgoing.is_answering() {
                    self.report_retry(element, &error);
                    let reason = Some(&*error.message);
                    element.imp().show_state(State::Reconnecting, None, reason);
                }
                self.fail_open_questions(element, Some(&error));
                self.close_outgoing();
            }
            OutgoingEvent::Attempt(AttemptEvent::Session(Some(event))) => {
                match &event {
                    Event::Answer(answer) => {
                        if let Some(serial) = answer.ask_serial {
                            self.close_question(serial);
                        }
                    }
                    Event::PromptAccepted(prompt) => outgoing.attempt.prompt_accepted(prompt),
                    // What it costs is counted by its time, and its lease is not needed any more.
                    Event::Renewed(_) => return,
                    _ => {}
                }
                self.forward(element, event, epoch);
                if !self.is_replacing() {
                    self.release_outgoing(element);
                }
            }
            OutgoingEvent::Attempt(AttemptEvent::Room(None | Some(RoomEvent::Ended(_)))) => {
                outgoing.attempt.leave_room();
            }
            OutgoingEvent::Attempt(AttemptEvent::Room(Some(_))) => {}
        }
    }

    /// The newer stream cannot be used, so the one that it was to replace stays.
    pub(super) fn withdraw_question(&mut self, element: &OvershootSink, error: Error) {
        self.restore_outgoing();
        let Some(asked) = self.phase.attempt().and_then(Attempt::asked).cloned() else {
            return;
        };
        let newest = self.live.prompt.borrow().clone();
        element.imp().withdraw_prompt(&newest, &asked.prompt);
        self.limit_frames();
        let error = Error {
            stage: Stage::Prompt,
            ..error.preceded_by(NOT_CHANGED)
        };
        report::post_failure(element, &error, false, true);
        let id = self.phase.stream_id();
        report::post(element, messages::prompt(&asked.prompt, Some(&newest), id));
        element.imp().show_state(State::Streaming, id, None);
    }

    /// The video ends: the change is too late.
    pub(super) fn withdraw_late_question(&mut self, element: &OvershootSink) {
        if self.is_replacing() {
            let ended = Error::new(Kind::Media, Stage::Prompt, "The video has ended.");
            self.withdraw_question(element, ended);
        }
    }

    /// Ends the newer stream. The one that it was to replace is the only one again, if it still answers.
    fn restore_outgoing(&mut self) {
        let Some(outgoing) = self.outgoing.take_if(|stream| stream.is_answering()) else {
            return;
        };
        self.video.restore_outgoing();
        let newer_epoch = std::mem::replace(&mut self.epoch, outgoing.epoch);
        let newer = std::mem::replace(&mut self.phase, Phase::Streaming(outgoing.attempt));
        self.watchdog.restart();
        if let Some(newer) = newer.into_attempt() {
            self.close(newer, newer_epoch);
        }
    }
}
