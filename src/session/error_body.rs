//! What a refusal says: the error bodies of both generations of the API, as far as there is one.
//! Proxies answer in HTML, or not at all.

use serde_json::Value;

use super::protocol::without_nul;

/// Longest text of the service that is repeated in a message.
const MAX_TOLD: usize = 500;

/// What could be read; what could not is absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    pub message: Option<String>,
    pub request_id: Option<String>,
    /// API v1: the name of what went wrong.
    pub code: Option<String>,
    /// API v1: the region to ask instead.
    pub region: Option<String>,
}

impl ErrorBody {
    /// v0.2: `{"error", "message", "request_id", "details"}`. v1: `{"detail": "…"}` of stream calls,
    /// `{"detail": {"error": {"message", "code"}}}` of chats, `{"detail": {"error": "region_error",
    /// "expected_region"}}`, and `{"error": "validation_error", "message", "details"}`.
    pub fn parse(body: &str) -> Self {
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |path: &str| {
            let text = told.pointer(path)?.as_str()?;
            let told = !text.trim().is_empty();
            told.then(|| without_nul(text.chars().take(MAX_TOLD).collect()))
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
            let told = ErrorBody::parse(body);
            assert_eq!(
                (told.message, told.code, told.region),
                (message, code, region),
                "{body}"
            );
        }
    }
}
