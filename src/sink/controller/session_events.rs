// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The events of a session: a new stream, answers, renewals, failures.

use gst::subclass::prelude::*;

use super::attempt::Attempt;
use super::report;
use super::{Controller, Phase};
use crate::session::error::{Error, Kind, Stage};
use crate::session::{Answer, Api, Event, StreamCall};
use crate::sink::answers::messages;
use crate::sink::{CAT, OvershootSink};

impl Controller {
    /// Makes a call on the stream, if there is one.
    pub(super) fn call(&self, element: &OvershootSink, call: StreamCall) {
        let (stage, what) = match call {
            StreamCall::Feedback(_) => (Stage::Feedback, "give feedback about"),
            StreamCall::Viewer => (Stage::Viewer, "watch"),
        };
        let stream = self
            .answering()
            .filter(|stream| stream.stream_id().is_some());
        let session = stream.and_then(Attempt::session);
        if !session.is_some_and(|session| session.call(call)) {
            let text =
                format!("There is no stream to {what}: try it while the state is streaming.");
            let error = Error::new(Kind::InvalidSettings, stage, text);
            report::post_failure(element, &error, false, true);
        }
    }

    pub(super) fn session_event(
        &mut self,
        element: &OvershootSink,
        event: Option<Event>,
    ) -> Result<(), Error> {
        match event {
            Some(Event::Created(created)) => self.stream_created(element, &created),
            Some(Event::Failed(error)) => Err(error),
            Some(Event::Retrying(error)) => {
                self.report_retry(element, &error);
                Ok(())
            }
            Some(Event::BudgetUsedUp(field)) => {
                self.questions_ended(element, field);
                Ok(())
            }
            Some(event) => {
                if let Event::PromptAccepted(prompt) = &event
                    && let Some(attempt) = self.phase.attempt_mut()
                {
                    attempt.prompt_accepted(prompt);
                }
                let is_rest_due =
                    matches!(&event, Event::Answer(answer) if self.is_last_look(answer));
                if let Event::Answer(answer) = &event {
                    self.release_outgoing(element);
                    if let Some(serial) = answer.ask_serial {
                        self.close_question(serial);
                    }
                    self.answered = true;
                    self.retries.answer_arrived();
                    self.forgotten_streams = 0;
                    self.watchdog.answer_arrived();
                    self.note_prompt(answer);
                    self.add_to_pace(answer);
                    self.warn_if_cut_off(element, answer);
                }
                self.forward(element, event, self.epoch);
                if is_rest_due {
                    self.rest(element, self.video.newest_change());
                }
                Ok(())
            }
            None => Err(Error::new(
                Kind::Network,
                Stage::Socket,
                "The session ended unexpectedly.",
            )),
        }
    }

    /// Adds an answer to the pace, which decides how long the drain waits.
    fn add_to_pace(&mut self, answer: &Answer) {
        // Answers to one-shot questions do not show when the next answer is due.
        if answer.ask_serial.is_some() {
            return;
        }
        let latency = messages::latency(answer);
        self.pace.add_answer(answer.arrived, latency);
        self.pace.add_seen(self.seen_until(answer));
        if let Phase::Draining(_, drain) = &mut self.phase {
            drain.add_answer(answer.arrived, latency);
        }
    }

    /// Warns once that answers are cut off: with the same settings the next answers are cut off as well.
    fn warn_if_cut_off(&mut self, element: &OvershootSink, answer: &Answer) {
        if answer.result.finish_reason.as_deref() == Some("length") && !self.cut_off_reported {
            self.cut_off_reported = true;
            report::post_failure(
                element,
                &self.plan.cut_off_warning(self.interval),
                false,
                true,
            );
        }
    }

    /// Reports an event that does not change the controller's phase. `epoch` is the number of its stream.
    pub(super) fn forward(&mut self, element: &OvershootSink, event: Event, epoch: u64) {
        let id = self.phase.stream_id();
        match event {
            Event::Answer(answer) => {
                if self.plan.api == Api::V02 {
                    self.account.add_answer();
                }
                self.stats.answer(&answer);
                if self.is_wanted(&answer) {
                    self.take_answer(element, answer, epoch);
                }
            }
            Event::PartialAnswer(partial) => report::post(element, messages::partial(&partial, id)),
            Event::PromptAccepted(prompt) => {
                report::post(element, messages::prompt(&prompt, None, id));
            }
            Event::PromptWithdrawn { withdrawn, in_use } => {
                element.imp().withdraw_prompt(&withdrawn, &in_use);
                report::post(element, messages::prompt(&in_use, Some(&withdrawn), id));
            }
            Event::Renewed(renewed) => {
                self.stats.renewed(&renewed);
                if self.plan.api == Api::V02 {
                    self.charge(element, &renewed);
                }
                if let (Some(token), Some(attempt)) = (&renewed.livekit_token, self.phase.attempt())
                {
                    attempt.refresh(token);
                }
                if let Some(credits) = messages::credits(&renewed) {
                    report::post(element, credits);
                }
            }
            Event::History(history) => self.stats.set_history(history),
            Event::Viewer(viewer) => element.imp().deliver_viewer(&viewer),
            Event::FeedbackAccepted => {
                gst::info!(CAT, obj = element, "the service accepted the feedback")
            }
            Event::Warning(error) => {
                report::post_failure(element, &error, false, self.streamed);
            }
            Event::Failed(error) | Event::Retrying(error) => {
                gst::warning!(CAT, obj = element, "while closing: {error}")
            }
            Event::Created(_) | Event::BudgetUsedUp(_) => {}
        }
    }
}
