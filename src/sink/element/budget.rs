// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `budget`: it can be changed at any time.

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::sink::answers::messages;
use crate::sink::config::budget;

impl OvershootSink {
    /// Sets the budget. While the element runs, one that is not valid is rejected with a WARNING. Before that, the
    /// start checks it.
    pub(super) fn set_budget(&self, structure: Option<gst::Structure>) {
        let is_running = lock(&self.running).is_some();
        if is_running {
            let read = structure.as_ref().map(|structure| budget::read(structure));
            match read.transpose() {
                Ok(budget) => {
                    let account = self.public_state().account.clone();
                    account.set_budget(budget.unwrap_or_default());
                }
                Err(error) => {
                    let error = error.preceded_by("budget was not changed.");
                    messages::post_failure(&self.obj(), &error, false, true);
                    return;
                }
            }
        }
        self.settings().budget = structure;
    }
}
