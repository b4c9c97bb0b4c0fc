// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The wire types that only API v1 has. Unknown fields in messages from the service are ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::event::FrameHistory;
use crate::session::json;
use crate::session::protocol::{RoomAccess, Usage, if_valid};

/// The response to `POST /streams`. An invalid part counts as absent: a stream whose id is known
/// can be deleted.
#[derive(Debug, Deserialize)]
pub struct StreamCreated {
    #[serde(deserialize_with = "json::needed_text")]
    pub id: String,
    /// Where the video goes.
    #[serde(default, deserialize_with = "if_valid")]
    pub publish: Option<RoomAccess>,
    #[serde(default, deserialize_with = "json::number_or_none")]
    pub ttl_seconds: Option<f64>,
}

/// The response to `GET /streams/{id}`; only these fields are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct StreamStatus {
    /// `active` or `ended`.
    #[serde(deserialize_with = "json::text_or_none")]
    pub state: Option<String>,
    /// `expired` or `deleted`.
    #[serde(deserialize_with = "json::text_or_none")]
    pub end_reason: Option<String>,
    /// In stream time; null before the first frame.
    #[serde(deserialize_with = "json::number_or_none")]
    pub last_frame_at_ms: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub recent_fps: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub retained_frame_count: Option<f64>,
    #[serde(deserialize_with = "json::number_or_none")]
    pub evicted_frame_count: Option<f64>,
}

impl StreamStatus {
    /// A number that makes no sense counts as absent.
    pub fn history(&self) -> FrameHistory {
        let above_zero = |number: Option<f64>| number.filter(|number| *number >= 0.0);
        FrameHistory {
            recent_fps: above_zero(self.recent_fps),
            retained: above_zero(self.retained_frame_count).map(|count| count as u64),
            evicted: above_zero(self.evicted_frame_count).map(|count| count as u64),
        }
    }
}

/// The response to `POST /streams/{id}/keepalive`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeepaliveResponse {
    #[serde(deserialize_with = "json::number_or_none")]
    pub ttl_seconds: Option<f64>,
    /// The room with a new token.
    #[serde(deserialize_with = "if_valid")]
    pub publish: Option<RoomAccess>,
}

/// The response to `GET /billing/accounts/me/balance`.
#[derive(Debug, Deserialize)]
pub struct Balance {
    #[serde(deserialize_with = "json::needed_number")]
    pub balance_cents: f64,
}

/// The body of `POST /chat/completions`.
#[derive(Debug, Serialize)]
pub struct ChatRequest<'a> {
    pub model: &'a str,
    pub messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Requests of the same thread share a prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
}

/// With `include_usage`, the last chunk says what the answer cost.
#[derive(Debug, Serialize)]
pub struct StreamOptions {
    pub include_usage: bool,
}

/// A message: the system prompt, or a question.
#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message<'a> {
    System { content: &'a str },
    User { content: Vec<ContentPart<'a>> },
}

/// A part of a message: a text, or the pictures that it is about.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: MediaUrl<'a> },
    VideoUrl { video_url: MediaUrl<'a> },
}

/// The `ovs:` URL of the pictures, or a `data:` URL with a picture in it.
#[derive(Debug, Serialize)]
pub struct MediaUrl<'a> {
    pub url: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat<'a> {
    JsonSchema {
        json_schema: NamedSchema<'a>,
    },
    /// Some object.
    JsonObject {},
}

#[derive(Debug, Serialize)]
pub struct NamedSchema<'a> {
    pub name: &'static str,
    pub schema: &'a Value,
}

/// A whole answer, or a chunk of one. An odd part counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChatCompletion {
    #[serde(deserialize_with = "json::text_or_none")]
    pub id: Option<String>,
    #[serde(deserialize_with = "json::text_or_none")]
    pub model: Option<String>,
    #[serde(deserialize_with = "json::valid_entries")]
    pub choices: Vec<Choice>,
    #[serde(deserialize_with = "if_valid")]
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// In a whole answer.
    #[serde(deserialize_with = "if_valid")]
    pub message: Option<ChatMessage>,
    /// In a chunk.
    #[serde(deserialize_with = "if_valid")]
    pub delta: Option<ChatMessage>,
    #[serde(deserialize_with = "json::text_or_none")]
    pub finish_reason: Option<String>,
    /// Why there is no answer.
    pub error: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChatMessage {
    /// A string, or a list of parts.
    pub content: Value,
    #[serde(deserialize_with = "json::text_or_none")]
    pub refusal: Option<String>,
}
