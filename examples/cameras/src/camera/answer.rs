//! An answer of the element's, as it is told.

use serde_json::Value;

use crate::event::{Answer, Event, What};

/// What is read of an `overshoot-result`.
#[derive(Debug)]
pub struct Read {
    said: gst::Structure,
    /// Where a schema was asked for.
    pub json: Option<Value>,
}

impl Read {
    pub fn new(said: gst::Structure, is_json: bool) -> Self {
        let mut read = Self { said, json: None };
        if is_json && read.fits() {
            read.json = read
                .result()
                .and_then(|text| serde_json::from_str(text).ok());
        }
        read
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.said.get(field).ok()
    }

    pub fn result(&self) -> Option<&str> {
        self.text("result")
    }

    pub fn ok(&self) -> bool {
        self.said.get("ok").unwrap_or(true)
    }

    /// It is as the schema has it, and about now.
    fn fits(&self) -> bool {
        self.ok() && self.text("schema-error").is_none() && self.said.get("stale") != Ok(true)
    }

    pub fn error(&self) -> Option<&str> {
        self.text("error").or(self.text("schema-error"))
    }

    pub fn latency_ms(&self) -> Option<f64> {
        self.said.get("total-latency-ms").ok()
    }

    /// When its picture was captured; else, when it came.
    pub fn capture_time(&self) -> Option<gst::ClockTime> {
        let time = |field| self.said.get::<gst::ClockTime>(field).ok();
        time("capture-time").or_else(|| time("running-time"))
    }

    pub fn event(&self, camera: &std::sync::Arc<str>, triggered: bool) -> Event {
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
        Event::new(camera, What::Answer(answer))
    }
}
