// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The reason for an endpoint's failure, in readable text.

use std::error::Error;

use serde_json::Value;

use super::odd_json;

/// The root cause of an error: the top level only says that there is an error.
pub(super) fn root_cause(error: reqwest::Error) -> String {
    let what = if error.is_connect() {
        "it cannot be reached: "
    } else {
        ""
    };
    let error = error.without_url();
    let mut below: &dyn Error = &error;
    while let Some(source) = below.source() {
        below = source;
    }
    format!("{what}{below}")
}

/// The message in an endpoint's error: OpenAI's `{"error": {"message"}}`, vLLM's `{"message"}`, or the whole
/// body.
pub(super) fn error_message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let message = odd_json::parse(&text).and_then(|json| message_of(&json));
    message.unwrap_or_else(|| text.into_owned())
}

fn message_of(json: &Value) -> Option<String> {
    let places = [
        json.pointer("/error/message"),
        json.get("error"),
        json.get("message"),
    ];
    let texts = places.into_iter().flatten().filter_map(Value::as_str);
    let mut texts = texts.filter(|text| !text.trim().is_empty());
    texts.next().map(str::to_owned)
}

/// The error inside a response whose status is a success, or in a part of one.
pub(crate) fn error_in(body: &Value) -> Option<String> {
    let says_error = |name: &str| body.get(name).and_then(Value::as_str) == Some("error");
    let is_error = match body.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => says_error("object") || says_error("type"),
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Object(error)) => !error.is_empty(),
        Some(_) => true,
    };
    is_error.then(|| message_of(body).unwrap_or_else(|| body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_each_error_format() {
        for (body, expected) in [
            (
                r#"{"error": {"code": 400, "message": "no mmproj"}}"#,
                "no mmproj",
            ),
            (r#"{"error": "not found"}"#, "not found"),
            (r#"{"object": "error", "message": "too long"}"#, "too long"),
            (r#"{"detail": 1}"#, r#"{"detail": 1}"#),
            ("<html>", "<html>"),
        ] {
            assert_eq!(error_message(body.as_bytes()), expected);
        }
    }
}
