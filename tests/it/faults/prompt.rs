// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of API v0.2's prompt call.

use overshoot_emulator::{Call, Fault, Times};

use super::fault::{
    FINAL_STATUS_CODES, SLOW_RESPONSE, TEMPORARY_STATUS_CODES, invalid_bodies, retry_after,
};
use super::http::at;
use super::row::Row;

pub fn rows() -> Vec<Row> {
    let call = Call::Prompt;
    let mut rows = Vec::new();
    // The old prompt stays in use.
    for (code, kind) in FINAL_STATUS_CODES.into_iter().chain([(404, "not-found")]) {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .posts(format!("{kind} prompt {code} | the old one stays in use"))
                .posts("prompt withdrawn")
                .requests("create=1 socket=1 prompt=1 delete=1"),
        );
    }
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::N(3))
                .posts(format!("{kind} prompt {code} | the old one stays in use"))
                .posts("prompt withdrawn")
                .requests("create=1 socket=1 prompt=3 delete=1"),
        );
    }
    for (what, fault) in [
        ("429", retry_after(1)),
        ("hang", Fault::Hang),
        ("reset", Fault::Reset),
        ("drip", SLOW_RESPONSE),
    ] {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Once)
                .posts("prompt taken")
                .requests("create=1 socket=1 prompt=2 delete=1"),
        );
    }
    for (what, fault) in invalid_bodies() {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Once)
                .posts("prompt taken")
                .requests("create=1 socket=1 prompt=1 delete=1"),
        );
    }
    let error = r#"{"error":{"message":"not this one","code":400}}"#;
    let error = Fault::Body {
        body: error.to_owned(),
        content_type: "application/json".to_owned(),
    };
    rows.push(
        at(call, "error in a success")
            .fault(call, error, Times::N(3))
            .posts("server prompt | not this one")
            .posts("prompt withdrawn")
            .requests("create=1 socket=1 prompt=3 delete=1"),
    );
    rows.push(
        at(call, "TLS failure")
            .tls("/config/prompt ", 1)
            .posts("prompt taken")
            .requests("create=1 socket=1 prompt=1 delete=1"),
    );
    rows
}
