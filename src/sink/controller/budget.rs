// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The end of the budget, and what goes on when it is raised.
//!
//! On API v0.2 the stream itself costs, so it is deleted. On v1 answers cost: the session asks no more, and the stream
//! stays, unless its time is limited.

use std::time::Instant;

use gst::subclass::prelude::*;

use super::retries::Retries;
use super::{Controller, Phase, report};
use crate::session::Api;
use crate::session::costs::account;
use crate::session::costs::budget::{Field, Unit};
use crate::session::error::{Error, Stage};
use crate::session::protocol::LeaseRenewal;
use crate::sink::OvershootSink;
use crate::sink::answers::costs;
use crate::sink::enums::State;

impl Controller {
    /// When the budget is to be looked at, although nothing happens.
    pub(super) fn next_budget_check(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ended(None) | Phase::Over => None,
            _ => self.account.next_check(),
        }
    }

    /// Follows the budget: ends what costs, or goes on.
    pub(super) fn follow_budget(&mut self, element: &OvershootSink) -> Result<(), Error> {
        self.account.check();
        match self.stream_ending_limit() {
            Some(field) => self.end_for_budget(element, field),
            None if matches!(self.phase, Phase::Spent) => {
                self.retries = Retries::default();
                let state = match self.streamed {
                    true => State::Reconnecting,
                    false => State::Connecting,
                };
                let reason = "there is a budget again";
                element.imp().show_state(state, None, Some(reason));
                self.connect(element)?;
            }
            None => {}
        }
        Ok(())
    }

    /// The limit that is used up, if no stream may exist then.
    pub(super) fn stream_ending_limit(&self) -> Option<Field> {
        let field = self.account.used_up()?;
        (self.plan.api == Api::V02 || field.unit == Unit::Seconds).then_some(field)
    }

    /// Counts what a renewal says that the stream costs (API v0.2).
    pub(super) fn charge(&self, element: &OvershootSink, renewed: &LeaseRenewal) {
        self.account.add_charge(renewed);
        if let Some(warning) = self.account.take_warning() {
            report::post_failure(element, &warning, false, self.streamed);
        }
    }

    /// Deletes the stream, and makes no other one.
    pub(super) fn end_for_budget(&mut self, element: &OvershootSink, field: Field) {
        let is_ending = self.phase.is_ending();
        let has_ended = matches!(self.phase, Phase::Spent);
        if matches!(self.phase, Phase::Ended(None) | Phase::Over) {
            return;
        }
        let is_after_video = matches!(self.phase, Phase::Ended(_));
        if !has_ended {
            self.close_attempt();
            self.end_wake();
        }
        // A changed budget may be used up as well.
        if self.account.take_news().is_some() {
            self.report_budget_end(element, field);
        }
        if has_ended {
            return;
        }
        self.fail_open_questions(element, Some(&account::used_up(Some(field))));
        if is_ending {
            return self.finish(element);
        }
        self.phase = match is_after_video {
            true => Phase::Ended(None),
            false => Phase::Spent,
        };
        self.end_progress(
            element,
            gst::ProgressType::Canceled,
            "The budget is used up",
        );
        let reason = format!("the budget is used up: {}", field.name());
        element.imp().show_state(State::Closed, None, Some(&reason));
        element.imp().release_preroll(self.part);
    }

    /// The session asks no more (API v1). The stream stays.
    pub(super) fn questions_ended(&mut self, element: &OvershootSink, field: Field) {
        self.report_budget_end(element, field);
        // No answer will come.
        if matches!(self.phase, Phase::Draining(..)) {
            self.finish(element);
        }
    }

    fn report_budget_end(&self, element: &OvershootSink, field: Field) {
        let error = match self.stream_ending_limit() {
            None => account::used_up(Some(field)).followed_by("Until then nothing is asked."),
            Some(_) => Error {
                stage: Stage::Delete,
                ..account::used_up(Some(field)).followed_by("Until then there is no stream.")
            },
        };
        report::post_failure(element, &error, false, true);
        report::post(element, costs::used_up(field, &self.account.sums()));
    }
}
