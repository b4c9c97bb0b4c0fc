// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `submit-feedback`: sends feedback about the stream to the service (API v0.2).

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::StreamCall;
use crate::session::protocol::Feedback;

impl OvershootSink {
    /// Returns immediately: `false` if the element is not running, or if its queue of feedback is full.
    pub(super) fn submit_feedback(&self, feedback: Feedback) -> bool {
        match &*lock(&self.running) {
            Some(running) => running.controller.call(StreamCall::Feedback(feedback)),
            None => false,
        }
    }
}
