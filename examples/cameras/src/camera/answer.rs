// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads an `overshoot-result` message and makes the event that is delivered.

use serde_json::Value;

use crate::event::{Answer, Event, EventKind};

/// An `overshoot-result` and its answer as JSON.
#[derive(Debug)]
pub struct ParsedAnswer {
    structure: gst::Structure,
    /// The answer as JSON, if the camera has a schema and the answer is usable.
    pub json: Option<Value>,
}

impl ParsedAnswer {
    pub fn new(structure: gst::Structure, is_json: bool) -> Self {
        let mut answer = Self {
            structure,
            json: None,
        };
        if is_json && answer.is_usable() {
            answer.json = answer
                .result()
                .and_then(|text| serde_json::from_str(text).ok());
        }
        answer
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.structure.get(field).ok()
    }

    pub fn result(&self) -> Option<&str> {
        self.text("result")
    }

    pub fn ok(&self) -> bool {
        self.structure.get("ok").unwrap_or(true)
    }

    /// Whether it matches the schema and is about the current video.
    fn is_usable(&self) -> bool {
        self.ok() && self.text("schema-error").is_none() && self.structure.get("stale") != Ok(true)
    }

    pub fn error(&self) -> Option<&str> {
        self.text("error").or(self.text("schema-error"))
    }

    pub fn latency_ms(&self) -> Option<f64> {
        self.structure.get("total-latency-ms").ok()
    }

    /// When the frame was captured, or if that is unknown, when the answer arrived.
    pub fn capture_time(&self) -> Option<gst::ClockTime> {
        let time = |field| self.structure.get::<gst::ClockTime>(field).ok();
        time("capture-time").or_else(|| time("running-time"))
    }

    pub fn to_event(&self, camera: &std::sync::Arc<str>, triggered: bool) -> Event {
        let answer = Answer {
            ok: self.ok(),
            result: self.result(),
            json: self.json.as_ref(),
            error: self.error(),
            prompt: self.text("prompt"),
            model: self.text("model-name"),
            latency_ms: self.latency_ms(),
            stream_id: self.text("stream-id"),
            triggered,
        };
        Event::new(camera, EventKind::Answer(answer))
    }
}
