// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The wire types that both APIs share, and those that the element reads with either API. Unknown fields in
//! messages from the service are ignored: the service adds new ones from time to time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json;
use super::model_text::{content_text, error_text, failed_finish};
use super::secret::Secret;

/// What an answer is about: a clip of video or one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Clip,
    Frame,
}

/// Which frames the service analyses. Times are in seconds, rates in frames per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Processing {
    /// Clip mode, newer form.
    Target {
        target_fps: u32,
        clip_length_seconds: f64,
        delay_seconds: f64,
    },
    /// Clip mode, older form: `target_fps` is `int(fps × sampling_ratio)`.
    Sampled {
        fps: u32,
        sampling_ratio: f64,
        clip_length_seconds: f64,
        delay_seconds: f64,
    },
    /// Frame mode.
    Frame { interval_seconds: f64 },
}

impl Processing {
    pub fn mode(&self) -> Mode {
        match self {
            Processing::Target { .. } | Processing::Sampled { .. } => Mode::Clip,
            Processing::Frame { .. } => Mode::Frame,
        }
    }

    /// The seconds from one answer to the next.
    pub fn interval_seconds(&self) -> f64 {
        match self {
            Processing::Target { delay_seconds, .. }
            | Processing::Sampled { delay_seconds, .. } => *delay_seconds,
            Processing::Frame { interval_seconds } => *interval_seconds,
        }
    }
}

/// Where the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Overshoot,
    Gemini,
}

/// The address of a LiveKit room, and a token that allows to publish into it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RoomAccess {
    /// A `ws:` or `wss:` URL, without the path of the signalling.
    pub url: String,
    /// It names the room, the participant and the time until which it is valid.
    pub token: Secret,
}

/// Reads a part of a message; `None` if it does not have the type that the protocol names.
pub fn if_valid<'de, D, T>(part: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(part)?).ok())
}

/// A TURN server as the service (like browsers) writes it.
#[derive(Clone, Deserialize)]
pub struct TurnServer {
    pub urls: OneOrMany,
    #[serde(default, deserialize_with = "json::text_or_none")]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "json::text_or_none")]
    pub credential: Option<String>,
}

// Not derived: the credential is a secret.
impl std::fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnServer")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// RTCIceServer.urls is a string or a list of strings (WebRTC 1.0, 4.2.4).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(url) => std::slice::from_ref(url),
            OneOrMany::Many(urls) => urls,
        }
    }
}

/// The response to `POST /streams/{id}/keepalive` (v0.2), or the same values from calls of v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LeaseRenewal {
    #[serde(deserialize_with = "json::number_or_none")]
    pub ttl_seconds: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub credits_remaining_cents: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub cost_cents: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub seconds_charged: Option<f64>,
    /// A new token for the LiveKit room, if the stream has one.
    #[serde(deserialize_with = "if_valid")]
    pub livekit_token: Option<Secret>,
}

/// The body of `POST /streams/{id}/feedback`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    pub rating: i32,
    pub category: String,
    pub feedback: String,
}

/// One answer of the model, in the form of v0.2. What the service leaves out is `None`, and so is what is odd.
#[derive(Debug, Clone)]
pub struct InferenceResult {
    pub id: Option<String>,
    pub stream_id: Option<String>,
    pub mode: Option<String>,
    pub model_backend: Option<String>,
    pub model_name: Option<String>,
    pub prompt: Option<String>,
    /// The answer. It is JSON if there is an output schema.
    pub result: Option<String>,
    pub inference_latency_ms: Option<f64>,
    pub total_latency_ms: Option<f64>,
    pub ok: Option<bool>,
    pub error: Option<String>,
    pub finish_reason: Option<String>,
}

impl InferenceResult {
    /// Reads one message of the results socket.
    ///
    /// # Errors
    /// Why it can't be read: it is not a JSON object, or has no answer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let message = json::parse_object(text)?;
        let part = |name: &str| message.get(name).unwrap_or(&Value::Null);
        let text = |name: &str| json::text(part(name)).map(without_nul);
        let number = |name: &str| json::number(part(name));
        let result = match part("result") {
            answer @ (Value::String(_) | Value::Array(_)) => content_text(answer),
            _ => None,
        };
        let finish_reason = text("finish_reason");
        let says_ok = json::boolean(part("ok"));
        let has_text = result.as_ref().is_some_and(|text| !text.is_empty());
        // Beside such an answer, an error is only a note.
        let is_answer = says_ok == Some(true) && has_text;
        let error = match is_answer {
            true => part("error").as_str().map(str::to_owned),
            false => error_text(part("error")).or_else(|| {
                let is_error = part("type") == "error";
                error_text(&Value::Object(message.clone())).filter(|_| is_error)
            }),
        };
        let failure = failed_finish(finish_reason.as_deref());
        let ok = match failure.is_some() || (error.is_some() && !is_answer) {
            true => Some(false),
            false => says_ok,
        };
        let error = error.or(failure).map(without_nul);
        // Only a failed inference may come without an answer.
        if result.is_none() && ok != Some(false) {
            return Err("it has no `result`".to_owned());
        }
        Ok(Self {
            id: text("id"),
            stream_id: text("stream_id"),
            mode: text("mode"),
            model_backend: text("model_backend"),
            model_name: text("model_name"),
            prompt: text("prompt"),
            result: result.map(without_nul),
            inference_latency_ms: number("inference_latency_ms"),
            total_latency_ms: number("total_latency_ms"),
            ok,
            error,
            finish_reason,
        })
    }
}

/// The tokens that an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    #[serde(deserialize_with = "json::needed_count")]
    pub prompt_tokens: u64,
    /// Absent for an answer without text.
    #[serde(default, deserialize_with = "json::needed_count")]
    pub completion_tokens: u64,
    #[serde(
        default,
        deserialize_with = "if_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub prompt_tokens_details: Option<PromptTokensDetails>,
}

impl Usage {
    /// The tokens of the prompt that the service had cached.
    pub fn cached_tokens(&self) -> u64 {
        let details = self.prompt_tokens_details.as_ref();
        details.map_or(0, |details| details.cached_tokens)
    }
}

/// A part of [`Usage`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PromptTokensDetails {
    #[serde(deserialize_with = "json::needed_count")]
    pub cached_tokens: u64,
}

/// Replaces NUL characters. JSON allows them, but a C string (all that applications receive) ends at one.
pub fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_need_an_answer() {
        assert!(InferenceResult::parse(r#"{"result":"a cat","extra":[1]}"#).is_ok());
        assert!(InferenceResult::parse(r#"{"ok":false,"error":"blocked","result":null}"#).is_ok());
        let odd = InferenceResult::parse(r#"{"result":"a\u0000b"}"#).expect("parses");
        assert_eq!(odd.result.as_deref(), Some("a\u{fffd}b"));
        for text in [
            "",
            "hello",
            "{}",
            "[]",
            "null",
            r#"{"result":3}"#,
            r#"{"ok":true}"#,
        ] {
            assert!(InferenceResult::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_odd_side_field_costs_only_itself() {
        for (field, value) in [
            ("id", "7"),
            ("id", "[]"),
            ("stream_id", "{}"),
            ("prompt", "3"),
            ("total_latency_ms", "\"10.5\""),
            ("inference_latency_ms", "NaN"),
            ("inference_latency_ms", "{}"),
            ("ok", "1"),
            ("ok", "\"true\""),
            ("ok", "[]"),
            ("ok\":true,\"error", "{\"code\":7}"),
            ("error", "null"),
            ("error", "\"\""),
            ("error", "{}"),
            ("finish_reason", "0"),
            ("status", "\"partly\""),
            ("type", "\"result\""),
            ("extra", "\"\\ud83d\""),
        ] {
            let text = format!("\u{feff}{{\"result\":\"a cat\",\"{field}\":{value}}}\n");
            let result = InferenceResult::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(result.result.as_deref(), Some("a cat"), "{text}");
            assert_eq!(result.error, None, "{text}");
            assert_ne!(result.ok, Some(false), "{text}");
        }
        let result = r#"{"id":7,"result":[{"type":"text","text":"a cat"}],"total_latency_ms":"10.5","ok":1}"#;
        let result = InferenceResult::parse(result).expect("an answer");
        assert_eq!(result.id.as_deref(), Some("7"));
        assert_eq!(result.result.as_deref(), Some("a cat"));
        assert_eq!(result.total_latency_ms, Some(10.5));
        assert_eq!(result.ok, Some(true));
    }

    #[test]
    fn an_answer_with_an_error_is_none() {
        for (text, error) in [
            (
                r#"{"result":"","ok":true,"error":"overloaded"}"#,
                "overloaded",
            ),
            (
                r#"{"result":"two","error":{"message":"overloaded"}}"#,
                "overloaded",
            ),
            (
                r#"{"error":{"code":503,"message":"overloaded"}}"#,
                "overloaded",
            ),
            (r#"{"type":"error","message":"overloaded"}"#, "overloaded"),
            (
                r#"{"result":"two","ok":true,"finish_reason":"error"}"#,
                "finish_reason: error",
            ),
        ] {
            let result = InferenceResult::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(result.ok, Some(false), "{text}");
            assert!(
                result.error.is_some_and(|found| found.contains(error)),
                "{text}"
            );
        }
    }
}
