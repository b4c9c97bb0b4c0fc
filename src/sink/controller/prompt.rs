// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A changed prompt that the service refuses when it is asked to make the next stream. A stream that runs withdraws
//! a refused change by itself.

use gst::subclass::prelude::*;

use super::Controller;
use super::report;
use crate::session::Answer;
use crate::session::error::{Error, Kind, Stage};
use crate::session::prompt::Prompt;
use crate::sink::OvershootSink;
use crate::sink::answers::messages;

impl Controller {
    /// Remembers the prompt of an answer: the service takes it.
    pub(super) fn note_prompt(&mut self, answer: &Answer) {
        let has_answer = answer.result.ok != Some(false);
        let prompt = answer.prompt_serial.zip(answer.result.prompt.clone());
        if let Some((serial, text)) = prompt.filter(|_| has_answer) {
            self.answered_prompt = Some(Prompt { serial, text });
        }
    }

    /// Withdraws the newest prompt if it is the reason of this error, as far as that can be known: the service
    /// refuses the request, whose other settings are those of the last stream. Returns whether it did.
    pub(super) fn withdraw_refused_prompt(&self, element: &OvershootSink, error: &Error) -> bool {
        let is_request = matches!(error.stage, Stage::Create | Stage::Ask);
        if !is_request || error.kind != Kind::InvalidSettings || error.status_code.is_none() {
            return false;
        }
        let newest = self.live.prompt.borrow().clone();
        let answered = self.answered_prompt.as_ref();
        let Some(answered) = answered.filter(|answered| answered.serial != newest.serial) else {
            return false;
        };
        element.imp().withdraw_prompt(&newest, answered);
        report::post(element, messages::prompt(answered, Some(&newest), None));
        true
    }
}
