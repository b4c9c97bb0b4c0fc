// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The output of alerts: messages, events on the answer pads, and lines on the pad `alert_src`.

use std::time::Duration;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::Answer;
use crate::sink::answers::delivery::Delivery;
use crate::sink::answers::messages;

impl OvershootSink {
    /// Delivers the alerts that an answer raises or ends. `interval` is the time to the next answer.
    pub(super) fn deliver_alerts(&self, answer: &Answer, delivery: &Delivery, interval: Duration) {
        let context = &delivery.context;
        for change in &delivery.changes {
            let structure = messages::alert(change, answer, context);
            messages::post(&self.obj(), structure.clone());
            let pads = lock(&self.pads);
            for pad in pads.iter() {
                pad.push_event(structure.clone());
            }
            if let Some(pad) = &pads.alert {
                let line = messages::alert_line(change, answer, context);
                pad.push(line, context.running_time.unwrap_or_default(), interval);
            }
        }
    }
}
