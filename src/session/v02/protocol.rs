// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The wire types that only API v0.2 has. Unknown fields in messages from the service are ignored: the
//! service adds new ones from time to time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::json;
use crate::session::protocol::{
    Backend, Mode, Processing, RoomAccess, TurnServer, Usage, if_valid,
};

/// The body of `POST /streams`.
#[derive(Debug, Serialize)]
pub struct CreateStream<'a> {
    /// `None`: the service creates a LiveKit room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<StreamSource<'a>>,
    pub mode: Mode,
    pub processing: Processing,
    pub inference: InferenceRequest<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum StreamSource<'a> {
    Webrtc { sdp: &'a str },
    Livekit { url: &'a str, token: &'a str },
}

#[derive(Debug, Serialize)]
pub struct InferenceRequest<'a> {
    pub prompt: &'a str,
    pub backend: Backend,
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema_json: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
}

/// The response to `POST /streams`. Everything except the id may be absent, and an invalid part counts as
/// absent: a stream whose id is known can be deleted.
#[derive(Debug, Deserialize)]
pub struct StreamCreated {
    #[serde(deserialize_with = "json::needed_text")]
    pub stream_id: String,
    #[serde(default, deserialize_with = "if_valid")]
    pub webrtc: Option<WebrtcAnswer>,
    #[serde(default, deserialize_with = "if_valid")]
    pub livekit: Option<RoomAccess>,
    #[serde(default, deserialize_with = "if_valid")]
    pub lease: Option<Lease>,
    #[serde(default, deserialize_with = "json::valid_entries")]
    pub turn_servers: Vec<TurnServer>,
}

#[derive(Debug, Deserialize)]
pub struct WebrtcAnswer {
    pub sdp: String,
}

#[derive(Debug, Deserialize)]
pub struct Lease {
    #[serde(default, deserialize_with = "json::number_or_none")]
    pub ttl_seconds: Option<f64>,
}

/// The body of `PATCH /streams/{id}/config/prompt`.
#[derive(Debug, Serialize)]
pub struct ChangePrompt<'a> {
    pub prompt: &'a str,
}

/// The response to it; only these fields are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PromptChanged {
    #[serde(deserialize_with = "json::text_or_none")]
    pub prompt: Option<String>,
    /// The change failed, whatever the status of the response.
    pub error: Value,
}

/// The body of `POST /chat/completions/clip`.
#[derive(Debug, Serialize)]
pub struct AskAboutClip<'a> {
    pub result_id: &'a str,
    pub prompt: &'a str,
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<&'a Value>,
}

/// The response to it. An odd part counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClipAnswer {
    #[serde(deserialize_with = "json::text_or_none")]
    pub id: Option<String>,
    #[serde(deserialize_with = "json::text_or_none")]
    pub model: Option<String>,
    /// A string, or a list of parts.
    pub content: Value,
    #[serde(deserialize_with = "json::text_or_none")]
    pub finish_reason: Option<String>,
    #[serde(deserialize_with = "if_valid")]
    pub usage: Option<Usage>,
    /// Why there is no answer.
    pub error: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn create_has_the_documented_shape() {
        let body = CreateStream {
            source: Some(StreamSource::Webrtc { sdp: "v=0" }),
            mode: Mode::Clip,
            processing: Processing::Target {
                target_fps: 6,
                clip_length_seconds: 0.5,
                delay_seconds: 0.5,
            },
            inference: InferenceRequest {
                prompt: "What?",
                backend: Backend::Overshoot,
                model: "m",
                output_schema_json: None,
                max_output_tokens: None,
            },
        };
        assert_eq!(
            serde_json::to_value(&body).expect("serializable"),
            json!({
                "source": {"type": "webrtc", "sdp": "v=0"},
                "mode": "clip",
                "processing": {"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 0.5},
                "inference": {"prompt": "What?", "backend": "overshoot", "model": "m"},
            })
        );
    }

    #[test]
    fn all_but_the_stream_id_may_be_absent() {
        let created: StreamCreated =
            serde_json::from_value(json!({"stream_id": "s", "new": 1})).expect("parses");
        assert!(created.webrtc.is_none() && created.lease.is_none());
        let created: StreamCreated = serde_json::from_value(json!({
            "stream_id": "s",
            "turn_servers": [{"urls": "turn:a"}, {"urls": ["turn:b", "turn:c"], "username": "u", "credential": "hush"}],
        }))
        .expect("parses");
        let servers = created.turn_servers;
        assert_eq!(servers[1].urls.as_slice().len(), 2);
        assert!(!format!("{servers:?}").contains("hush"));
    }
}
