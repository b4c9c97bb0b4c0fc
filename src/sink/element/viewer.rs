// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `viewer`: requests a token with which somebody can watch what the model sees.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::StreamCall;
use crate::session::viewer::Viewer;
use crate::sink::call;

impl OvershootSink {
    /// Returns immediately: `false` if the element is not running, or too much waits already.
    pub(super) fn request_viewer(&self) -> bool {
        let running = lock(&self.running);
        running
            .as_ref()
            .is_some_and(|running| running.controller.call(StreamCall::Viewer))
    }

    /// Delivers the token, by a signal: GStreamer writes bus messages to its log, and the token must not be there.
    pub fn deliver_viewer(&self, viewer: &Viewer) {
        if self.is_current_run() {
            let seconds = viewer.validity.as_secs();
            let arguments: [&dyn ToValue; 3] = [&viewer.url, &viewer.token.reveal(), &seconds];
            call::emit(&self.obj(), "viewer-ready", &arguments);
        }
    }
}
