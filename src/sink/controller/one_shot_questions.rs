// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One-shot questions of the application. Each gets one answer message: the answer, or the reason why there is none.

use std::time::Instant;

use gst::subclass::prelude::*;
use tokio::sync::watch;

use super::attempt::Attempt;
use super::{Controller, Phase};
use crate::session::Api;
use crate::session::ask_window::AskWindow;
use crate::session::costs::account;
use crate::session::error::Error;
use crate::session::question::OneShotQuestion;
use crate::sink::OvershootSink;

impl Controller {
    pub(super) fn ask(&mut self, element: &OvershootSink, question: OneShotQuestion) {
        if self.plan.api == Api::V02 && question.needs_v1() {
            return element.imp().report_unanswered(
                &question,
                "sinks, pictures, still and system-prompt of ask-about need API v1, and the service is used with API v0.2: set api-url to a v1 address.",
            );
        }
        let stream = self
            .answering()
            .filter(|stream| stream.stream_id().is_some());
        let session = stream.and_then(Attempt::session);
        match session.map(|session| session.ask(question.clone())) {
            Some(true) => self.open_questions.push(question),
            Some(false) => element.imp().report_unanswered(
                &question,
                "Too many questions are waiting already: ask again after an answer.",
            ),
            None => {
                let error = self.stream_ending_limit();
                let error = error.map(|field| account::used_up(Some(field)).message);
                let why = "There is no stream: ask while the state is streaming.";
                element
                    .imp()
                    .report_unanswered(&question, error.as_deref().unwrap_or(why));
            }
        }
    }

    /// Whether only the application asks, once each time.
    pub(super) fn is_on_demand(&self) -> bool {
        // Not while the questions are borrowed: the element locks the prompt first, then the questions.
        if self.plan.api == Api::V02 || self.live.has_prompt() {
            return false;
        }
        match self.live.questions.borrow().named() {
            Some(named) => named.is_empty(),
            None => !self.plan.has_questions(),
        }
    }

    /// Whether no answer is to come: nothing has asked for one.
    pub(super) fn awaits_no_answer(&self) -> bool {
        if !self.open_questions.is_empty() {
            return false;
        }
        let is_past = |window: &watch::Sender<AskWindow>| {
            let window = window.borrow();
            !window.is_answer_missing() && !window.is_open(Instant::now())
        };
        self.is_on_demand() || self.live.ask_window.as_ref().is_some_and(is_past)
    }

    /// Removes a question that was answered. On demand, the drain ends with the last one.
    pub(super) fn close_question(&mut self, serial: u64) {
        self.open_questions
            .retain(|question| question.serial != serial);
        if matches!(self.phase, Phase::Draining(..)) {
            self.drain();
        }
    }

    /// Reports every open question as unanswered, because the stream ended or failed.
    pub(super) fn fail_open_questions(&mut self, element: &OvershootSink, error: Option<&Error>) {
        let reason = error.map_or("The stream ended.", |error| &error.message);
        for question in std::mem::take(&mut self.open_questions) {
            element.imp().report_unanswered(&question, reason);
        }
    }
}
