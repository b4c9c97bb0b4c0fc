// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether a question may be asked: the budget has room for it.

use std::sync::Arc;

use super::chat::{Completion, QuestionId};
use crate::session::costs::account::{self, Account, CostKey, Ticket};
use crate::session::costs::budget::{Field, Unit};
use crate::session::error::Error;

/// The budget, as the questions of one stream see it.
pub struct Gate {
    account: Arc<Account>,
    /// A question was held back. Until something changes, none is asked.
    is_shut: bool,
}

impl Gate {
    pub fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            is_shut: false,
        }
    }

    pub fn is_open(&self) -> bool {
        !self.is_shut
    }

    /// A ticket for a scheduled question. Without one it is asked later: see [`Gate::open`].
    pub fn may_ask(&mut self, id: QuestionId) -> Option<Ticket> {
        let ticket = self.account.open(key(id));
        self.is_shut = ticket.is_none();
        ticket
    }

    /// Whether it is known if a one-shot question can be asked.
    pub fn can_decide(&self) -> bool {
        self.account.can_decide(None)
    }

    /// A ticket for a one-shot question.
    ///
    /// # Errors
    /// Why it is not asked.
    pub fn may_ask_now(&mut self, id: QuestionId) -> Result<Ticket, Error> {
        let ticket = self.account.open(key(id));
        ticket.ok_or_else(|| account::used_up(self.account.used_up()))
    }

    /// The limit that has just been used up. If it is one of time, the stream itself ends.
    pub fn take_news(&self) -> Option<Field> {
        let is_of_questions = |field: Field| field.unit != Unit::Seconds;
        self.account
            .used_up()
            .filter(|field| is_of_questions(*field))?;
        self.account.take_news()
    }

    /// Something has changed, so that a question that was held back can be tried again.
    pub fn open(&mut self) {
        self.is_shut = false;
    }
}

fn key(id: QuestionId) -> CostKey {
    match id {
        QuestionId::Scheduled(index) => Some(index),
        QuestionId::OneShot(_) => None,
    }
}

/// Books the outcome of a request to this model.
pub fn book(ticket: &Ticket, model: &str, outcome: &mut Result<Completion, Error>) {
    match outcome {
        Ok(completion) => {
            let models = [model, &completion.model];
            completion.cost_microcents = ticket.take_usage(models, completion.usage);
        }
        Err(error) => ticket.take_failure(error),
    }
}
