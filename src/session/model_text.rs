// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a model said, or that it failed. A success is in the content: a status of 200, or `"ok": true`, around an
//! error or a refusal is none.

use serde_json::Value;

use super::json;

/// The longest text of an error that is repeated.
const MAX_ERROR_CHARS: usize = 500;
/// The members of an error that may have its text, best first.
const ERROR_MEMBERS: [&str; 8] = [
    "message", "msg", "error", "detail", "details", "reason", "type", "code",
];
/// The finish reasons of an answer that failed.
const FAILED: [&str; 9] = [
    "error",
    "failed",
    "failure",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "timeout",
    "server_error",
];

/// The text of a message's content: a string, or the text parts of a list. `None`: there is no text.
pub fn content_text(content: &Value) -> Option<String> {
    match content {
        Value::Array(parts) => {
            let texts: Vec<_> = parts.iter().filter_map(part_text).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        Value::Object(_) => part_text(content),
        content => json::text(content),
    }
}

/// The text of `{"type": "text", "text": "…"}`, or of a plain string. Other parts (thoughts, pictures) have none.
fn part_text(part: &Value) -> Option<String> {
    match part {
        Value::String(text) => Some(text.clone()),
        Value::Object(part) => {
            let kind = part.get("type").and_then(Value::as_str);
            let is_text = kind.is_none_or(|kind| matches!(kind, "text" | "output_text"));
            let text = part.get("text").filter(|_| is_text)?;
            json::text(text).or_else(|| json::text(text.get("value")?))
        }
        _ => None,
    }
}

/// The refusal in a list of parts: `{"type": "refusal", "refusal": "…"}`.
pub fn refusal_part(content: &Value) -> Option<String> {
    let mut parts = content.as_array()?.iter();
    parts.find_map(|part| json::text(part.get("refusal")?))
}

/// The text of an `error` member; `None` if it says that there is no error.
pub fn error_text(error: &Value) -> Option<String> {
    let text = match error {
        Value::Object(members) if !members.is_empty() => {
            let named = ERROR_MEMBERS.iter().filter_map(|name| members.get(*name));
            return named
                .filter_map(error_text)
                .next()
                .or_else(|| Some(shortened(&error.to_string())));
        }
        Value::Array(errors) => return errors.iter().find_map(error_text),
        Value::Null | Value::Object(_) | Value::Bool(false) => return None,
        Value::Number(number) if number.as_f64() == Some(0.0) => return None,
        other => json::text(other)?,
    };
    (!text.trim().is_empty()).then(|| shortened(text.trim()))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_ERROR_CHARS).collect()
}

/// The JSON in a Markdown code block. Models write one if nothing forces them to write bare JSON. Any other text is
/// returned as it is.
pub fn without_code_fence(text: &str) -> &str {
    let inside = text.trim().strip_prefix("```").and_then(|rest| {
        let rest = rest.strip_suffix("```")?;
        let (_language, code) = rest.split_once('\n')?;
        Some(code.trim())
    });
    inside
        .filter(|code| serde_json::from_str::<Value>(code).is_ok())
        .unwrap_or(text)
}

/// Why an answer with this finish reason is none; `None` if it may be one.
pub fn failed_finish(reason: Option<&str>) -> Option<String> {
    let reason = reason?;
    let is_failure = FAILED.contains(&reason.trim().to_ascii_lowercase().as_str());
    is_failure.then(|| format!("The model's answer failed (finish_reason: {reason})."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_text_of_any_content_is_read() {
        for (content, text) in [
            (json!("two people"), Some("two people")),
            (
                json!([{"type": "text", "text": "two people"}]),
                Some("two people"),
            ),
            (
                json!(["two ", {"type": "thinking", "thinking": "hm", "text": "x"}, 7, null, {"text": "people"}]),
                Some("two people"),
            ),
            (
                json!({"type": "text", "text": {"value": "two"}}),
                Some("two"),
            ),
            (json!(3), Some("3")),
            (json!([]), None),
            (json!(null), None),
            (json!([{"type": "image_url"}]), None),
        ] {
            assert_eq!(content_text(&content).as_deref(), text, "{content}");
        }
        let refused = json!([{"type": "refusal", "refusal": "no"}]);
        assert_eq!(refusal_part(&refused).as_deref(), Some("no"));
        assert_eq!(content_text(&refused), None);
    }

    #[test]
    fn json_is_taken_out_of_a_code_block() {
        for (text, json) in [
            ("```json\n{\"a\": 1}\n```", "{\"a\": 1}"),
            (" ```\n[1]\n```\n", "[1]"),
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("```json\nnothing\n```", "```json\nnothing\n```"),
            ("```json {\"a\": 1}```", "```json {\"a\": 1}```"),
            ("```", "```"),
        ] {
            assert_eq!(without_code_fence(text), json);
        }
    }

    #[test]
    fn errors_of_any_form_have_a_text() {
        for (error, text) in [
            (json!("overloaded"), Some("overloaded")),
            (
                json!({"message": "overloaded", "code": 503}),
                Some("overloaded"),
            ),
            (
                json!({"error": {"type": "x", "message": "overloaded"}}),
                Some("overloaded"),
            ),
            (json!({"code": 503}), Some("503")),
            (json!({"retry": {"in": 5}}), Some(r#"{"retry":{"in":5}}"#)),
            (json!([{"msg": "too long"}]), Some("too long")),
            (json!(true), Some("true")),
            (json!(null), None),
            (json!(""), None),
            (json!({}), None),
            (json!(false), None),
            (json!(0), None),
        ] {
            assert_eq!(error_text(&error).as_deref(), text, "{error}");
        }
        assert!(failed_finish(Some("Error")).is_some());
        for reason in [None, Some("stop"), Some("length"), Some("content_filter")] {
            assert_eq!(failed_finish(reason), None);
        }
    }
}
