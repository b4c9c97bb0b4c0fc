// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Posts the controller's messages, as long as its run is the current one: a signal handler may have started the
//! element again.

use crate::session::error::Error;
use crate::sink::OvershootSink;
use crate::sink::answers::messages;
use gst::subclass::prelude::*;

pub(super) fn post(element: &OvershootSink, message: gst::Structure) {
    if element.imp().is_current_run() {
        messages::post(element, message);
    }
}

pub(super) fn post_failure(element: &OvershootSink, error: &Error, fatal: bool, streamed: bool) {
    if element.imp().is_current_run() {
        messages::post_failure(element, error, fatal, streamed);
    }
}

pub(super) fn post_info(element: &OvershootSink, text: &str) {
    if element.imp().is_current_run() {
        messages::post_info(element, text);
    }
}

pub(super) fn post_progress(element: &OvershootSink, kind: gst::ProgressType, text: &str) {
    if element.imp().is_current_run() {
        messages::post_progress(element, kind, text);
    }
}
