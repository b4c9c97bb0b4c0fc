//! Why an endpoint gives no answer, in its own words.

use std::error::Error;

use serde_json::Value;

/// What lies below an error: on top it says no more than that there is one.
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

/// An endpoint's own words: OpenAI's `{"error": {"message"}}`, vLLM's `{"message"}`, or what is there.
pub(super) fn error_message(body: &[u8]) -> String {
    let said = || String::from_utf8_lossy(body).into_owned();
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return said();
    };
    let message = [
        json.pointer("/error/message"),
        json.get("error"),
        json.get("message"),
    ]
    .into_iter()
    .flatten()
    .find_map(Value::as_str);
    message.map_or_else(said, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found_in_each_style() {
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
