//! The wire types that both generations of the API share, and those that the element reads whatever
//! the API. Unknown fields of the service's messages are ignored: it adds some from time to time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::secret::Secret;

/// What an answer is about: a few seconds of video, or one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Clip,
    Frame,
}

/// Which frames the service looks at. Times are in seconds, rates in frames a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Processing {
    /// Clip mode, the newer form.
    Target {
        target_fps: u32,
        clip_length_seconds: f64,
        delay_seconds: f64,
    },
    /// Clip mode, the older form: `target_fps` is `int(fps × sampling_ratio)`.
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

    /// Seconds from one answer to the next.
    pub fn interval_seconds(&self) -> f64 {
        match self {
            Processing::Target { delay_seconds, .. }
            | Processing::Sampled { delay_seconds, .. } => *delay_seconds,
            Processing::Frame { interval_seconds } => *interval_seconds,
        }
    }
}

/// Who runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Overshoot,
    Gemini,
}

/// A LiveKit room, and the right to publish into it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RoomAccess {
    /// `ws:` or `wss:`, without the path.
    pub url: String,
    /// Names the room, the participant and their end.
    pub token: Secret,
}

/// A part of an answer; `None` where it is not of the type that the protocol gives it.
pub fn if_good<'de, D, T>(part: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(part)?).ok())
}

/// A TURN server as the service (and browsers) write it.
#[derive(Clone, Deserialize)]
pub struct TurnServer {
    pub urls: OneOrMany,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub credential: Option<String>,
}

// By hand: the credential is a secret.
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

/// Answer to `POST /streams/{id}/keepalive`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LeaseRenewal {
    pub ttl_seconds: Option<f64>,
    pub credits_remaining_cents: Option<f64>,
    pub cost_cents: Option<f64>,
    pub seconds_charged: Option<f64>,
    /// A fresh token for the room, if there is one.
    pub livekit_token: Option<Secret>,
}

/// Body of `POST /streams/{id}/feedback`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    pub rating: i32,
    pub category: String,
    pub feedback: String,
}

/// One answer of the model, as it comes on the socket. What the service leaves out is `None`.
#[derive(Debug, Clone, Deserialize)]
pub struct InferenceResult {
    pub id: Option<String>,
    pub stream_id: Option<String>,
    pub mode: Option<String>,
    pub model_backend: Option<String>,
    pub model_name: Option<String>,
    pub prompt: Option<String>,
    /// The answer; JSON text where an output schema was given.
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
    /// What is wrong with it, in a few words: not JSON, a wrong type, or no answer in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut result: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for text in [
            &mut result.id,
            &mut result.stream_id,
            &mut result.mode,
            &mut result.model_backend,
            &mut result.model_name,
            &mut result.prompt,
            &mut result.result,
            &mut result.error,
            &mut result.finish_reason,
        ] {
            *text = text.take().map(without_nul);
        }
        // Only a failed inference may come without an answer.
        if result.result.is_none() && result.ok != Some(false) {
            return Err("it has no `result`".to_owned());
        }
        Ok(result)
    }
}

/// What an answer cost, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

/// C's strings, and so all that applications are told, end at a NUL; JSON's may hold some.
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
}
