// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The answer of an endpoint.

use serde_json::{Map, Value};

/// A chat completion that was not streamed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Completion {
    /// The whole answer.
    pub body: Map<String, Value>,
    /// The text of the first choice; empty if it has none, for example if the model only reasoned.
    pub content: String,
    /// The finish reason, as the endpoint names it.
    pub finish_reason: Option<String>,
}

impl Completion {
    /// Reads a completion. `None`: it is not one.
    pub(crate) fn read(body: Value) -> Option<Self> {
        let choice = body.get("choices")?.get(0)?;
        let content = match choice.get("message")?.get("content") {
            None | Some(Value::Null) => String::new(),
            Some(content) => content.as_str()?.to_owned(),
        };
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        let finish_reason = reason.map(str::to_owned);
        let Value::Object(body) = body else {
            return None;
        };
        Some(Completion {
            body,
            content,
            finish_reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bad_completions_are_rejected() {
        let read = |message: Value| {
            let body = json!({"choices": [{"message": message, "finish_reason": "length"}]});
            Completion::read(body).map(|done| (done.content, done.finish_reason))
        };
        let length = Some("length".to_owned());
        assert_eq!(
            read(json!({"content": "a"})),
            Some(("a".to_owned(), length.clone()))
        );
        assert_eq!(
            read(json!({"content": null})),
            Some((String::new(), length))
        );
        assert_eq!(read(json!({"content": 3})), None);
        for bad in [
            json!({}),
            json!([]),
            json!({"choices": []}),
            json!({"choices": [{}]}),
        ] {
            assert_eq!(Completion::read(bad), None);
        }
    }
}
