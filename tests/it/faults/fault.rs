// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults that several tables use, and the actions that cause certain calls.

use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Config, Fault};

use super::test_bed::TestBed;

/// Makes leases of 4 s. They are renewed after 2 s, and all tries of a renewal together take 1 s.
pub fn short_lease(config: &mut Config) {
    config.lease_ttl = Duration::from_secs(4);
}

/// Causes a prompt call.
pub fn change_prompt(test_bed: &TestBed) {
    test_bed.pipeline.sink.set_property("prompt", "And now?");
}

/// Causes a feedback call.
pub fn submit_feedback(test_bed: &TestBed) {
    let arguments: [&dyn ToValue; 3] = [&5i32, &"accuracy", &"spot on"];
    let sink = &test_bed.pipeline.sink;
    assert!(sink.emit_by_name::<bool>("submit-feedback", &arguments));
}

/// A 429 response with this `retry-after` header.
pub fn retry_after(seconds: u64) -> Fault {
    match Fault::status(429) {
        Fault::Status {
            code,
            body,
            content_type,
            ..
        } => Fault::Status {
            code,
            headers: vec![("retry-after".to_owned(), seconds.to_string())],
            body,
            content_type,
        },
        _ => unreachable!("`Fault::status` makes a status"),
    }
}

/// Successful responses with invalid bodies.
pub fn invalid_bodies() -> Vec<(&'static str, Fault)> {
    let body = |content_type: &str, body: &str| Fault::Body {
        body: body.to_owned(),
        content_type: content_type.to_owned(),
    };
    let wrong_types = r#"{"stream_id": [], "prompt": [], "status": {}, "ttl_seconds": "soon",
        "id": [], "publish": 7, "state": {}, "choices": "two", "balance_cents": "many"}"#;
    vec![
        ("HTML", body("text/html", "<html>Please sign in.</html>")),
        ("empty", body("application/json", "")),
        ("truncated", Fault::Truncated),
        ("wrong types", body("application/json", wrong_types)),
    ]
}

/// A web page in place of the service's response.
pub fn html_page(body: &str) -> Fault {
    Fault::Status {
        code: 200,
        headers: Vec::new(),
        body: body.to_owned(),
        content_type: "text/html".to_owned(),
    }
}

/// Status codes after which a repeated request cannot succeed, with the `kind` of the error.
pub const FINAL_STATUS_CODES: [(u16, &str); 5] = [
    (400, "invalid-settings"),
    (401, "not-authorized"),
    (402, "out-of-credits"),
    (403, "not-authorized"),
    (422, "invalid-settings"),
];
/// Status codes after which a repeated request can succeed, with the `kind` of the error.
pub const TEMPORARY_STATUS_CODES: [(u16, &str); 2] = [(500, "server"), (503, "server")];
/// A response that takes longer than any timeout.
pub const SLOW_RESPONSE: Fault = Fault::Drip(Duration::from_millis(200));

/// A redirect, as to the sign-in page of a captive portal.
pub fn redirect() -> Fault {
    Fault::Status {
        code: 302,
        headers: vec![("location".to_owned(), "https://sign.in/".to_owned())],
        body: String::new(),
        content_type: String::new(),
    }
}

/// A response to the creation of a v1 stream that names no room.
pub fn without_a_room() -> Fault {
    Fault::Body {
        body: r#"{"id": "x", "publish": 3, "ttl_seconds": 30}"#.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

/// A response that sends the client to another region.
pub fn other_region() -> Fault {
    Fault::Status {
        code: 409,
        headers: Vec::new(),
        body:
            r#"{"detail":{"error":"region_error","expected_region":"eu","requested_region":"us"}}"#
                .to_owned(),
        content_type: "application/json".to_owned(),
    }
}
