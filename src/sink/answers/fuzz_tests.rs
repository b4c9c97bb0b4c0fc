// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes the messages about failures, and what is done with answers: both come from the service.

use gst::glib;

use std::time::Instant;

use super::alerts::Alerts;
use super::changes::Changes;
use super::messages;
use crate::fuzz::{JSON, fuzz};
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::error_response::ErrorResponse;
use crate::sink::OvershootSink;
use crate::sink::config::alerts;

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

#[test]
fn answers() {
    gst::init().expect("GStreamer");
    let texts = [
        "alert,name=a,when=\"/people\\ >=\\ 3\"",
        "alert,name=b,when=\"fire\\ |\\ thick\\ smoke\"",
    ];
    let rules = alerts::read(&gst::Array::new(texts), &[]).expect("valid");
    let words = [
        "people",
        "4",
        "fire",
        "thick smoke",
        "no ",
        "but",
        "n't",
        ".",
        ",",
        "\"",
        "[",
        "{",
        "}",
    ];
    fuzz("alert", &words, |input| {
        let text = String::from_utf8_lossy(input);
        let mut changes = Changes::default();
        assert!(!changes.is_repeated(None, &text));
        assert!(
            changes.is_repeated(None, &text),
            "an answer is the same as itself: {text}"
        );
        let mut alerts = Alerts::default();
        alerts.restart(&rules);
        let raised = alerts.answer(None, &text, None, Instant::now());
        assert_eq!(alerts.answer(None, &text, None, Instant::now()), []);
        !raised.is_empty()
    });
}
