// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The output of alerts: messages, events on the answer pads, and lines on the pad `alert_src`.

use std::time::Duration;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::Answer;
use crate::sink::answers::messages::{self, Context};

impl OvershootSink {
    /// Delivers the alerts that an answer with this text raises or ends. `interval` is the time to the next answer.
    pub(super) fn deliver_alerts(
        &self,
        text: &str,
        answer: &Answer,
        context: &Context,
        interval: Duration,
    ) {
        let question = answer.question.as_deref();
        let time = context.capture_time.or(context.running_time);
        let changes = lock(&self.alerts).answer(question, text, time, answer.arrived);
        for change in changes {
            let structure = messages::alert(&change, answer, context);
            messages::post(&self.obj(), structure.clone());
            let pads = lock(&self.pads);
            for pad in pads.iter() {
                pad.push_event(structure.clone());
            }
            if let Some(pad) = &pads.alert {
                let line = messages::alert_line(&change, answer, context);
                pad.push(line, context.running_time.unwrap_or_default(), interval);
            }
        }
    }
}
