// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `set-question`: changes a question while the pipeline plays, all of it at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use gst::prelude::*;
use gst::subclass::prelude::*;
use tokio::sync::watch;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::live_questions::LiveQuestions;
use crate::session::prompt::Prompt;
use crate::sink::answers::messages;
use crate::sink::config::questions::{self, QuestionChange};
use crate::sink::config::settings::Settings;

impl OvershootSink {
    /// Returns whether the change is valid. If not, a WARNING message says why.
    pub(super) fn set_question(&self, structure: &gst::StructureRef) -> bool {
        let settings = self.settings().clone();
        let changed = QuestionChange::read(structure).and_then(|change| match change.name() {
            None => self.set_own_question(&settings, &change),
            Some(_) => self.set_named_question(&settings, &change),
        });
        let Err(error) = changed else {
            return true;
        };
        let error = Error {
            stage: Stage::Prompt,
            ..error
        };
        messages::post_failure(&self.obj(), &error, false, true);
        false
    }

    fn set_own_question(&self, settings: &Settings, change: &QuestionChange) -> Result<(), Error> {
        let prompt = change.prompt()?;
        if let Some(prompt) = prompt.filter(|_| change.is_only_prompt()) {
            self.obj().set_property("prompt", prompt);
            return Ok(());
        }
        let api = self.public_state().api.ok_or_else(not_running)?;
        let (questions, rate) = {
            let running = lock(&self.running);
            let running = running.as_ref().ok_or_else(not_running)?;
            (running.questions.clone(), running.source.borrow().rate)
        };
        let start = settings.own_question(api, rate)?;
        let mut outcome = Ok(());
        // Whoever sees the new prompt also sees the new question: it is there first. The prompt has a new number even if
        // its text stays: so the service can refuse the change, and the question before it is asked again.
        let is_changed = self.prompt.send_if_modified(|current| {
            let serial = self.prompt_count.fetch_add(1, Relaxed) + 1;
            questions.send_modify(|live| {
                let base = live.own(current.serial).map_or(&start, |own| own);
                let changed = change.apply_to(Some(base), settings.v1_fps());
                match changed.and_then(|question| question.checked(api)) {
                    Ok(question) => live.set_own(serial, question),
                    Err(error) => outcome = Err(error),
                }
            });
            if outcome.is_ok() {
                let text = prompt.unwrap_or(&current.text).to_owned();
                *current = Prompt { serial, text };
            }
            outcome.is_ok()
        });
        if is_changed {
            self.obj().notify_prompt();
        }
        outcome
    }

    fn set_named_question(
        &self,
        settings: &Settings,
        change: &QuestionChange,
    ) -> Result<(), Error> {
        if self.public_state().api == Some(Api::V02) {
            return Err(Error::settings(
                "set-question: questions with a name need API v1. Leave name out to change the question of prompt, or set api-url to a v1 address and play again.",
            ));
        }
        let start = questions::read(&settings.questions, settings.v1_fps())?;
        let live = self.live_questions().ok_or_else(not_running)?;
        let mut outcome = Ok(());
        live.send_modify(|live| {
            let mut named: Vec<_> = match live.named() {
                Some(named) => named.to_vec(),
                None => start.into_iter().map(Arc::new).collect(),
            };
            match change.apply_in(&mut named, settings.v1_fps()) {
                Ok(()) => live.set_named(named),
                Err(error) => outcome = Err(error),
            }
        });
        outcome
    }

    pub(super) fn live_questions(&self) -> Option<watch::Sender<LiveQuestions>> {
        let running = lock(&self.running);
        running.as_ref().map(|running| running.questions.clone())
    }
}

fn not_running() -> Error {
    Error::settings(
        "set-question: the element does not run yet. Set the properties instead, or wait until its state is connecting or streaming.",
    )
}
