//! The wire types of API v1. Unknown fields of the service's messages are ignored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::protocol::{RoomAccess, Usage, if_good};

/// Answer to `POST /streams`. A part that makes no sense counts as absent: a stream whose id is known
/// can be deleted.
#[derive(Debug, Deserialize)]
pub struct StreamCreated {
    pub id: String,
    /// Where the video goes.
    #[serde(default, deserialize_with = "if_good")]
    pub publish: Option<RoomAccess>,
    #[serde(default, deserialize_with = "if_good")]
    pub ttl_seconds: Option<f64>,
}

/// Answer to `GET /streams/{id}`; the fields that are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct StreamStatus {
    /// `ended` for good, or `active`.
    pub state: Option<String>,
    /// `expired` or `deleted`.
    pub end_reason: Option<String>,
    /// In stream time; null until a frame has come.
    pub last_frame_at_ms: Option<f64>,
}

/// Answer to `POST /streams/{id}/keepalive`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeepaliveResponse {
    #[serde(deserialize_with = "if_good")]
    pub ttl_seconds: Option<f64>,
    /// With a fresh token.
    #[serde(deserialize_with = "if_good")]
    pub publish: Option<RoomAccess>,
}

/// Answer to `GET /billing/accounts/me/balance`.
#[derive(Debug, Deserialize)]
pub struct Balance {
    pub balance_cents: f64,
}

/// Body of `POST /chat/completions`.
#[derive(Debug, Serialize)]
pub struct ChatRequest<'a> {
    pub model: &'a str,
    pub messages: [Message<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
}

/// That the last part of a streamed answer tells what it cost.
#[derive(Debug, Serialize)]
pub struct StreamOptions {
    pub include_usage: bool,
}

#[derive(Debug, Serialize)]
pub struct Message<'a> {
    pub role: &'static str,
    pub content: [ContentPart<'a>; 2],
}

/// What is said in a message: the prompt, and what it is about.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: MediaUrl<'a> },
    VideoUrl { video_url: MediaUrl<'a> },
}

/// An `ovs:` URL.
#[derive(Debug, Serialize)]
pub struct MediaUrl<'a> {
    pub url: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat<'a> {
    JsonSchema { json_schema: NamedSchema<'a> },
}

#[derive(Debug, Serialize)]
pub struct NamedSchema<'a> {
    pub name: &'static str,
    pub schema: &'a Value,
}

/// An answer, or a part of one that is streamed.
#[derive(Debug, Deserialize)]
pub struct ChatCompletion {
    pub id: Option<String>,
    pub model: Option<String>,
    #[serde(default)]
    pub choices: Vec<Choice>,
    #[serde(default, deserialize_with = "if_good")]
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Of a whole answer.
    pub message: Option<ChatMessage>,
    /// Of a part.
    pub delta: Option<ChatMessage>,
    pub finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChatMessage {
    pub content: Option<String>,
}
