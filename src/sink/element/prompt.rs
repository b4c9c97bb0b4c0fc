// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `prompt`: its changes are numbered, and one that the service does not take is withdrawn.

use std::sync::atomic::Ordering::Relaxed;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::error::{Error, Stage};
use crate::session::prompt::{NOT_CHANGED, Prompt};
use crate::session::request::check_prompt;
use crate::sink::answers::messages;
use crate::sink::call;
use crate::sink::webrtc::warm_up;

impl OvershootSink {
    /// Sets the prompt. While the element runs with one, an empty one is rejected with a WARNING, because every service
    /// refuses it. Before that, it unsets the prompt.
    pub(super) fn set_prompt(&self, prompt: Option<String>) {
        warm_up::start();
        let text = prompt.unwrap_or_default();
        let is_running = lock(&self.running).is_some();
        let has_prompt = check_prompt(&self.prompt.borrow().text).is_ok();
        if let Err(error) = check_prompt(&text)
            && is_running
            && has_prompt
        {
            let error = Error {
                stage: Stage::Prompt,
                ..error.preceded_by(NOT_CHANGED)
            };
            messages::post_failure(&self.obj(), &error, false, true);
            return;
        }
        self.prompt.send_if_modified(|current| {
            let changed = current.text != text;
            if changed {
                // Inside this closure, so that the numbers have the order of the changes.
                let serial = self.prompt_count.fetch_add(1, Relaxed) + 1;
                *current = Prompt { serial, text };
            }
            changed
        });
    }

    /// Withdraws a change that the service did not take: the property has the prompt in use again, unless the
    /// application has set another one since.
    pub fn withdraw_prompt(&self, withdrawn: &Prompt, in_use: &Prompt) {
        if !self.is_current_run() {
            return;
        }
        let questions = self.live_questions();
        let changed = self.prompt.send_if_modified(|current| {
            let is_newest = current.serial == withdrawn.serial;
            if is_newest {
                if let Some(questions) = &questions {
                    questions.send_modify(|live| live.withdraw_own(in_use.serial));
                }
                current.clone_from(in_use);
            }
            is_newest
        });
        if changed {
            call::notify(&self.obj(), "prompt");
        }
    }
}
