// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The error bodies of both APIs. There may be none, or a proxy's HTML.

use serde_json::{Map, Value};

use super::json;
use super::protocol::without_nul;

/// The longest text of the service that an error message repeats.
const MAX_TEXT_CHARS: usize = 500;
/// Errors of fields that an error message repeats.
const MAX_FIELD_ERRORS: usize = 8;

/// The parts that could be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// What the service says, with the errors of single fields and the words of the model's provider.
    pub message: Option<String>,
    pub request_id: Option<String>,
    /// API v1: the name of the error.
    pub code: Option<String>,
    /// API v1: the region that the request must name.
    pub region: Option<String>,
}

impl ErrorBody {
    /// v0.2 sends `{"error", "request_id", "details"}`, perhaps with a `message`. v1 sends `{"detail": "…"}` for stream
    /// calls, `{"detail": {"error": {"message", "code", "upstream": {"body"}}}}` for chats, `{"detail":
    /// {"error": "region_error", "expected_region"}}`, and `{"error": "validation_error", "message",
    /// "details"}`. OpenAI's servers send `{"error": {"message", "code"}}`, FastAPI `{"detail": [{"loc",
    /// "msg"}]}`.
    pub fn parse(body: &str) -> Self {
        let body = body.trim_start_matches('\u{feff}').trim();
        let Ok(json) = json::parse::<Value>(body) else {
            return Self {
                message: plain_text(body),
                ..Self::default()
            };
        };
        let text = |path: &str| json.pointer(path).and_then(words);
        Self {
            message: message(&json),
            request_id: text("/request_id"),
            code: text("/detail/error/code")
                .or_else(|| text("/detail/error"))
                .or_else(|| text("/error/code")),
            region: text("/detail/expected_region"),
        }
    }
}

/// Everything in the body that says what is wrong.
fn message(json: &Value) -> Option<String> {
    let parts: Vec<_> = ["", "/error", "/detail", "/detail/error"]
        .iter()
        .filter_map(|path| json.pointer(path))
        .collect();
    let find = |keys: &[&str]| {
        let mut values = keys
            .iter()
            .flat_map(|key| parts.iter().filter_map(move |part| part.get(*key)));
        values.find_map(words)
    };
    let said = find(&["message", "msg", "error_description"])
        .or_else(|| find(&["error", "detail", "title"]))
        .or_else(|| words(json));
    let fields = parts
        .iter()
        .flat_map(|part| [part.get("details"), part.get("errors")])
        .chain(parts.iter().map(|part| part.get("detail")))
        .flatten()
        .map(field_errors)
        .find(|fields| !fields.is_empty())
        .map(|mut fields| {
            fields.truncate(MAX_FIELD_ERRORS);
            fields.join("; ")
        });
    let upstream = parts.iter().find_map(|part| part.get("upstream"));
    let upstream = upstream.and_then(upstream_words);
    let mut all = said.unwrap_or_default();
    if let Some(fields) = fields.filter(|fields| !all.contains(fields.as_str())) {
        all = match all.is_empty() {
            true => fields,
            false => format!("{} ({fields})", all.trim_end_matches('.')),
        };
    }
    if let Some((provider, said)) = upstream.filter(|(_, said)| !all.contains(said.as_str())) {
        all = match all.is_empty() {
            true => format!("{provider} says: {said}"),
            false => format!("{}. {provider} says: {said}", all.trim_end_matches('.')),
        };
    }
    cut(&all)
}

/// The errors of single fields: `["…"]`, `[{"field", "message"}]`, `[{"loc", "msg"}]`, `{"field": "…"}`.
fn field_errors(details: &Value) -> Vec<String> {
    match details {
        Value::Array(list) => list.iter().filter_map(field_error).collect(),
        // The parts of an error, not fields.
        Value::Object(map) if map.contains_key("error") => Vec::new(),
        Value::Object(map) if said_of_field(map).is_some() => {
            field_error(details).into_iter().collect()
        }
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, value)| {
                let said = match value {
                    Value::Array(list) => list.iter().filter_map(field_error).collect::<Vec<_>>(),
                    value => field_error(value).into_iter().collect(),
                };
                (!said.is_empty()).then(|| format!("{name}: {}", said.join(", ")))
            })
            .collect(),
        details => words(details).into_iter().collect(),
    }
}

fn field_error(entry: &Value) -> Option<String> {
    let Value::Object(map) = entry else {
        return words(entry);
    };
    let said = said_of_field(map);
    let name = ["field", "loc", "path", "param", "property", "name"]
        .iter()
        .find_map(|key| field_name(map.get(*key)?));
    match (name, said) {
        (Some(name), Some(said)) => Some(format!("{name}: {said}")),
        (name, said) => said.or(name),
    }
}

fn said_of_field(map: &Map<String, Value>) -> Option<String> {
    ["message", "msg", "error", "reason", "detail", "description"]
        .iter()
        .find_map(|key| words(map.get(*key)?))
}

/// The name of a field, which may be a path in parts.
fn field_name(name: &Value) -> Option<String> {
    let Value::Array(parts) = name else {
        return words(name);
    };
    let parts = parts.iter().map(|part| match part {
        Value::String(part) => part.clone(),
        part => part.to_string(),
    });
    // FastAPI's first part says where in the request the field is.
    let parts: Vec<_> = parts.filter(|part| part != "body").collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

/// Who stands behind the service, and what it answered. Its body may be JSON within a string.
fn upstream_words(upstream: &Value) -> Option<(String, String)> {
    let body = upstream.get("body")?;
    let said = match body {
        Value::String(text) => ErrorBody::parse(text).message,
        body => message(body),
    }?;
    let provider = upstream.get("provider").and_then(words);
    Some((provider.unwrap_or_else(|| "The provider".to_owned()), said))
}

/// A text with something in it, on one line.
fn words(value: &Value) -> Option<String> {
    cut(value.as_str()?)
}

/// A body that is neither JSON nor a page.
fn plain_text(body: &str) -> Option<String> {
    let is_other = body.starts_with(['{', '[']) || body.contains('<') || body.contains('\u{fffd}');
    cut(body).filter(|_| !is_other)
}

fn cut(text: &str) -> Option<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(MAX_TEXT_CHARS).collect();
    (!text.is_empty()).then(|| without_nul(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_shape_is_read() {
        for (body, message, code, region) in [
            (
                r#"{"error":"x","message":"too long","details":null}"#,
                some("too long"),
                None,
                None,
            ),
            (
                r#"{"error":"Prompt is empty","request_id":"r1"}"#,
                some("Prompt is empty"),
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
                r#"{"error":{"message":"slow down","code":"rate_limit"}}"#,
                some("slow down"),
                some("rate_limit"),
                None,
            ),
            (
                r#"{"detail":{"error":"region_error","expected_region":"eu","requested_region":"us"}}"#,
                some("region_error"),
                some("region_error"),
                some("eu"),
            ),
            ("<html>502</html>", None, None, None),
            (
                "  no healthy upstream\n",
                some("no healthy upstream"),
                None,
                None,
            ),
            (r#"{"detail":[1]}"#, None, None, None),
            (r#"{"mess"#, None, None, None),
            ("", None, None, None),
        ] {
            let parsed = ErrorBody::parse(body);
            assert_eq!(
                (parsed.message, parsed.code, parsed.region),
                (message, code, region),
                "{body}"
            );
        }
    }

    #[test]
    fn errors_of_fields_are_repeated() {
        for (body, message) in [
            (
                r#"{"error":"validation_error","message":"Invalid request.","details":[{"field":"inference.prompt","message":"too long"},{"field":"mode","message":"unknown"}]}"#,
                "Invalid request (inference.prompt: too long; mode: unknown)",
            ),
            (
                r#"{"error":"Request validation failed","request_id":"r1","details":[{"loc":["body","inference","prompt"],"msg":"is required","type":"value_error"}]}"#,
                "Request validation failed (inference.prompt: is required)",
            ),
            (
                r#"{"error":"unprocessable","details":["fps is too high"]}"#,
                "unprocessable (fps is too high)",
            ),
            (
                r#"{"detail":[{"type":"missing","loc":["body","inference",0,"prompt"],"msg":"Field required"}]}"#,
                "inference.0.prompt: Field required",
            ),
            (
                r#"{"message":"Bad","details":{"fps":["too high","odd"],"mode":"unknown"}}"#,
                "Bad (fps: too high, odd; mode: unknown)",
            ),
            (
                r#"{"message":"Bad","details":{"field":"fps","reason":"too high"}}"#,
                "Bad (fps: too high)",
            ),
            (
                r#"{"message":"Bad","details":"fps is 0"}"#,
                "Bad (fps is 0)",
            ),
            (
                r#"{"message":"Bad","errors":[{"path":"fps","msg":"too high"}]}"#,
                "Bad (fps: too high)",
            ),
            (r#"{"message":"fps is 0","details":"fps is 0"}"#, "fps is 0"),
        ] {
            assert_eq!(ErrorBody::parse(body).message, some(message), "{body}");
        }
    }

    #[test]
    fn the_words_of_the_provider_are_repeated() {
        let body = |body: &str| {
            format!(
                r#"{{"detail":{{"error":{{"message":"Upstream failed","type":"upstream_error","code":"upstream_http_400","upstream":{{"provider":"openai","status":400,"body":{body}}}}}}}}}"#
            )
        };
        for (upstream, message) in [
            (
                r#""{\"error\":{\"message\":\"image too small\"}}""#,
                "Upstream failed. openai says: image too small",
            ),
            (
                r#"{"error":{"message":"image too small"}}"#,
                "Upstream failed. openai says: image too small",
            ),
            (r#""too\nsmall""#, "Upstream failed. openai says: too small"),
            (r#""<html>no</html>""#, "Upstream failed"),
            ("null", "Upstream failed"),
        ] {
            let parsed = ErrorBody::parse(&body(upstream));
            assert_eq!(parsed.message, some(message), "{upstream}");
            assert_eq!(parsed.code, some("upstream_http_400"));
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let body = format!(r#"{{"message":"{}"}}"#, "ä".repeat(9_000));
        let message = ErrorBody::parse(&body).message.unwrap_or_default();
        assert_eq!(message.chars().count(), MAX_TEXT_CHARS);
    }
}
