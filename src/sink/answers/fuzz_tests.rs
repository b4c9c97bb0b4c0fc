// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes the messages about failures: their text comes from the service.

use gst::glib;

use super::messages;
use crate::fuzz::{JSON, fuzz};
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::error_response::ErrorResponse;
use crate::sink::OvershootSink;

#[test]
fn failures() {
    gst::init().expect("GStreamer");
    let element: OvershootSink = glib::Object::new();
    fuzz("refusal", JSON, |input| {
        let response = ErrorResponse {
            status: 500,
            body: String::from_utf8_lossy(input).into_owned(),
            ..ErrorResponse::default()
        };
        let error = Error::from_response(Api::V02, Stage::Keepalive, &response, false);
        messages::post_failure(&element, &error, false, true);
        error.request_id.is_some()
    });
}
