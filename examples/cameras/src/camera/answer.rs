// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads an `overshoot-result` message and makes the event that is delivered.

use gstovershoot::message::ResultMessage;
use serde_json::Value;

use crate::event::{Answer, Event, EventKind};

/// A result message, and its answer as JSON.
#[derive(Debug)]
pub struct ParsedAnswer {
    message: Box<ResultMessage>,
    /// The answer as JSON, if the camera has a schema and the answer is usable.
    pub json: Option<Value>,
}

impl ParsedAnswer {
    pub fn new(message: Box<ResultMessage>, is_json: bool) -> Self {
        let mut answer = Self {
            message,
            json: None,
        };
        if is_json && answer.is_usable() {
            answer.json = answer
                .result()
                .and_then(|text| serde_json::from_str(text).ok());
        }
        answer
    }

    pub fn result(&self) -> Option<&str> {
        self.message.result.as_deref()
    }

    pub fn ok(&self) -> bool {
        self.message.ok
    }

    /// Whether it matches the schema and is about the current video.
    fn is_usable(&self) -> bool {
        self.ok() && self.message.schema_error.is_none() && !self.message.stale
    }

    pub fn error(&self) -> Option<&str> {
        let error = self.message.error.as_deref();
        error.or(self.message.schema_error.as_deref())
    }

    pub fn latency_ms(&self) -> Option<f64> {
        self.message.total_latency_ms
    }

    pub fn to_event(&self, camera: &std::sync::Arc<str>, service: &str, triggered: bool) -> Event {
        let answer = Answer {
            ok: self.ok(),
            result: self.result(),
            json: self.json.as_ref(),
            error: self.error(),
            prompt: self.message.prompt.as_deref(),
            model: self.message.model_name.as_deref(),
            latency_ms: self.latency_ms(),
            stream_id: self.message.stream_id.as_deref(),
            triggered,
            still: self.message.evidence_location.as_deref(),
        };
        Event::new(camera, service, EventKind::Answer(answer))
    }
}
