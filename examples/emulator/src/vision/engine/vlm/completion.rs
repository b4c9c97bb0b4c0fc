// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The answer of an endpoint.

use serde_json::{Map, Value};

use super::error_text::error_in;

/// The finish reasons of an answer that failed.
const FAILED: [&str; 6] = [
    "error",
    "failed",
    "abort",
    "aborted",
    "cancelled",
    "timeout",
];

/// A chat completion that was not streamed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Completion {
    /// The whole answer.
    pub body: Map<String, Value>,
    /// The text of the first choice.
    pub content: String,
    /// The finish reason, as the endpoint names it.
    pub finish_reason: Option<String>,
    /// The model does not answer, and says why.
    pub refusal: Option<String>,
}

impl Completion {
    /// Reads a completion.
    ///
    /// # Errors
    ///
    /// Why it is not one, although the endpoint's status says so.
    pub(crate) fn read(body: Value) -> Result<Self, String> {
        if let Some(error) = error_in(&body) {
            return Err(error);
        }
        let not_one = || "its answer is not a chat completion".to_owned();
        let choices = body.get("choices").and_then(Value::as_array);
        let choice = choices.and_then(|choices| choices.iter().find(|choice| choice.is_object()));
        let choice = choice.ok_or_else(not_one)?;
        if let Some(failure) = choice_failure(choice) {
            return Err(failure);
        }
        let message = choice.get("message").ok_or_else(not_one)?;
        let content = message.get("content").unwrap_or(&Value::Null);
        let refusal = refusal_text(message);
        let text = content_text(content);
        if text.is_none() && refusal.is_none() {
            return Err(match content {
                Value::Null | Value::Array(_) => "its answer has no text".to_owned(),
                _ => not_one(),
            });
        }
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        let finish_reason = reason.map(str::to_owned);
        let Value::Object(body) = body else {
            return Err(not_one());
        };
        Ok(Completion {
            body,
            content: text.unwrap_or_default(),
            finish_reason,
            refusal,
        })
    }
}

/// The text of a content: a string, or the text parts of a list.
pub(crate) fn content_text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let text = |part: &Value| {
                let text = part.as_str().or_else(|| part.get("text")?.as_str());
                text.map(str::to_owned)
            };
            let texts: Vec<String> = parts.iter().filter_map(text).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

/// The refusal in a message or in a part of one.
fn refusal_text(message: &Value) -> Option<String> {
    let parts = message.get("content").and_then(Value::as_array);
    let in_parts = parts.into_iter().flatten();
    let all = std::iter::once(message).chain(in_parts);
    let refusals = all.filter_map(|part| part.get("refusal")?.as_str());
    let mut refusals = refusals.filter(|refusal| !refusal.trim().is_empty());
    refusals.next().map(str::to_owned)
}

/// Why a choice is no answer.
pub(crate) fn choice_failure(choice: &Value) -> Option<String> {
    error_in(choice).or_else(|| {
        let reason = choice.get("finish_reason")?.as_str()?;
        let is_failure = FAILED.contains(&reason.to_ascii_lowercase().as_str());
        is_failure.then(|| format!("its answer failed (finish_reason: {reason})"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_of_any_form_are_read() {
        let read = |message: Value| {
            let body = json!({"id": 7, "choices": [null, {"message": message, "finish_reason": "length"}]});
            let done = Completion::read(body)?;
            assert_eq!(done.finish_reason.as_deref(), Some("length"));
            Ok(done.content)
        };
        let parts = json!([{"type": "text", "text": "two "}, "people", {"type": "image_url"}]);
        assert_eq!(read(json!({"content": "a"})), Ok("a".to_owned()));
        assert_eq!(read(json!({"content": parts})), Ok("two people".to_owned()));
        let missing: Result<String, String> = Err("its answer has no text".to_owned());
        assert_eq!(read(json!({"content": null})), missing);
        assert!(read(json!({"content": 3})).is_err());
    }

    #[test]
    fn an_error_or_a_refusal_is_no_answer() {
        let choice = |choice: Value| json!({"choices": [choice]});
        for (body, why) in [
            (
                json!({"error": {"message": "overloaded", "code": 503}}),
                "overloaded",
            ),
            (
                json!({"object": "error", "message": "overloaded"}),
                "overloaded",
            ),
            (
                json!({"error": "overloaded", "choices": [{"message": {"content": "two"}}]}),
                "overloaded",
            ),
            (
                choice(json!({"message": {"content": "two"}, "error": {"message": "overloaded"}})),
                "overloaded",
            ),
            (
                choice(json!({"message": {"content": "two"}, "finish_reason": "error"})),
                "finish_reason: error",
            ),
            (json!({}), "not a chat completion"),
            (json!([]), "not a chat completion"),
            (json!({"choices": []}), "not a chat completion"),
            (choice(json!({})), "not a chat completion"),
        ] {
            let error = Completion::read(body.clone()).expect_err("no answer");
            assert!(error.contains(why), "{body}: {error}");
        }
        for message in [
            json!({"content": null, "refusal": "No."}),
            json!({"content": [{"type": "refusal", "refusal": "No."}]}),
        ] {
            let done = Completion::read(choice(json!({"message": message}))).expect("a refusal");
            assert_eq!(done.refusal.as_deref(), Some("No."));
        }
    }
}
