// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The error bodies of both APIs. There may be none, or a proxy's HTML.

use serde_json::Value;

use super::json;
use super::protocol::without_nul;

/// The longest text of the service that an error message repeats.
const MAX_TEXT_CHARS: usize = 500;

/// The parts that could be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    pub message: Option<String>,
    pub request_id: Option<String>,
    /// API v1: the name of the error.
    pub code: Option<String>,
    /// API v1: the region that the request must name.
    pub region: Option<String>,
}

impl ErrorBody {
    /// v0.2 sends `{"error", "message", "request_id", "details"}`. v1 sends `{"detail": "…"}` for stream
    /// calls, `{"detail": {"error": {"message", "code"}}}` for chats, `{"detail": {"error": "region_error",
    /// "expected_region"}}`, and `{"error": "validation_error", "message", "details"}`.
    pub fn parse(body: &str) -> Self {
        let body: Value = json::parse(body).unwrap_or_default();
        let text = |path: &str| {
            let text = body.pointer(path)?.as_str()?;
            let has_words = !text.trim().is_empty();
            has_words.then(|| without_nul(text.chars().take(MAX_TEXT_CHARS).collect()))
        };
        Self {
            message: text("/message")
                .or_else(|| text("/detail"))
                .or_else(|| text("/detail/error/message"))
                .or_else(|| text("/detail/message")),
            request_id: text("/request_id"),
            code: text("/detail/error/code").or_else(|| text("/detail/error")),
            region: text("/detail/expected_region"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read() {
        let some = |text: &str| Some(text.to_owned());
        for (body, message, code, region) in [
            (
                r#"{"error":"x","message":"too long","details":null}"#,
                some("too long"),
                None,
                None,
            ),
            (
                r#"{"detail":"no such stream"}"#,
                some("no such stream"),
                None,
                None,
            ),
            (
                r#"{"detail":{"error":{"message":"gone","type":"t","code":"stream_not_found"}}}"#,
                some("gone"),
                some("stream_not_found"),
                None,
            ),
            (
                r#"{"detail":{"error":"region_error","expected_region":"eu","requested_region":"us"}}"#,
                None,
                some("region_error"),
                some("eu"),
            ),
            ("<html>502</html>", None, None, None),
            (r#"{"detail":[1]}"#, None, None, None),
        ] {
            let parsed = ErrorBody::parse(body);
            assert_eq!(
                (parsed.message, parsed.code, parsed.region),
                (message, code, region),
                "{body}"
            );
        }
    }
}
