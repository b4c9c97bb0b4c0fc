// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events: answers, recordings, and the status of cameras, each one line of JSON, for stdout, brokers and webhooks.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How many events may wait for the slowest destination.
pub const MAX_QUEUED_EVENTS: usize = 1024;

/// An event, ready to be delivered.
#[derive(Clone, Debug)]
pub struct Event {
    pub camera: Arc<str>,
    /// One line, without a line feed.
    pub json: Arc<str>,
    /// Whether it is the status of the camera, which holds until the next one.
    pub is_status: bool,
}

#[derive(Debug, Serialize)]
pub struct EventBody<'a> {
    pub camera: &'a str,
    /// UTC in the format of RFC 3339.
    time: String,
    /// Who answers: the host of the API, or `emulator`.
    pub service: &'a str,
    #[serde(flatten)]
    pub what: EventKind<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum EventKind<'a> {
    Answer(Answer<'a>),
    Recording(Recording),
    Status(Status<'a>),
}

#[derive(Debug, Default, Serialize)]
pub struct Answer<'a> {
    pub ok: bool,
    /// The text of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a str>,
    /// The same as JSON, if it matches the camera's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// Time from the capture to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<&'a str>,
    /// Whether this answer started a recording.
    pub triggered: bool,
    /// The file of the picture that such an answer is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still: Option<&'a str>,
}

/// A complete file.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    pub file: PathBuf,
    pub seconds: f64,
    pub bytes: u64,
}

/// Whether the camera sends video.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// `online` or `offline`.
    pub status: &'static str,
    /// Why it is offline, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same as a sentence, which says what to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
}

impl Event {
    /// `service`: who answers, [`EventBody::service`].
    pub fn new(camera: &Arc<str>, service: &str, what: EventKind<'_>) -> Self {
        let is_status = matches!(what, EventKind::Status(_));
        let body = EventBody {
            camera,
            time: now(),
            service,
            what,
        };
        let json = serde_json::to_string(&body).unwrap_or_else(|error| {
            // All keys are strings and all numbers are finite.
            unreachable!("an event is JSON: {error}")
        });
        Self {
            camera: camera.clone(),
            json: json.into(),
            is_status,
        }
    }
}

/// With milliseconds: nothing here is more exact.
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let millisecond = now.truncate_to_millisecond();
    millisecond.format(&Rfc3339).unwrap_or_default()
}
