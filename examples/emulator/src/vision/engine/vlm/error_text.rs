// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The reason for an endpoint's failure, in readable text.

use std::error::Error;

use serde_json::Value;

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
    let whole = || String::from_utf8_lossy(body).into_owned();
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return whole();
    };
    let message = [
        json.pointer("/error/message"),
        json.get("error"),
        json.get("message"),
    ]
    .into_iter()
    .flatten()
    .find_map(Value::as_str);
    message.map_or_else(whole, str::to_owned)
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
