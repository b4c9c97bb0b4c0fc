//! What a start is asked with, and how it becomes properties of the element.

use std::ops::RangeInclusive;

use gst::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::AppError;

// The service's limits.
const FPS: RangeInclusive<f64> = 1.0..=120.0;
const SAMPLING_RATIO: RangeInclusive<f64> = 0.0..=1.0;
const CLIP_LENGTH: RangeInclusive<f64> = 0.1..=60.0;
const DELAY: RangeInclusive<f64> = 0.0..=60.0;
const INTERVAL: RangeInclusive<f64> = 0.1..=60.0;

/// The body of `POST /start-stream/{session_id}`. What is left out is the element's to decide.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<Backend>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_length_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Backend {
    Overshoot,
    Gemini,
}

impl Backend {
    /// As the element has it.
    fn nick(self) -> &'static str {
        match self {
            Self::Overshoot => "overshoot",
            Self::Gemini => "gemini",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Clip,
    Frame,
}

impl Mode {
    /// As the element has it.
    fn nick(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Frame => "frame",
        }
    }
}

/// All of them.
const FIELDS: [&str; 10] = [
    "prompt",
    "backend",
    "model",
    "mode",
    "fps",
    "clip_length_seconds",
    "delay_seconds",
    "sampling_ratio",
    "interval_seconds",
    "output_schema",
];

impl Settings {
    /// Checks each field by itself; what they must be together is the element's to check.
    pub(crate) fn check(&self) -> Result<(), AppError> {
        check_prompt(&self.prompt)?;
        within("fps", self.fps.map(f64::from), FPS)?;
        within("sampling_ratio", self.sampling_ratio, SAMPLING_RATIO)?;
        within("clip_length_seconds", self.clip_length_seconds, CLIP_LENGTH)?;
        within("delay_seconds", self.delay_seconds, DELAY)?;
        within("interval_seconds", self.interval_seconds, INTERVAL)
    }

    /// Sets what was given.
    pub(crate) fn apply(&self, sink: &gst::Element) {
        sink.set_property("prompt", &self.prompt);
        if let Some(backend) = self.backend {
            sink.set_property_from_str("backend", backend.nick());
        }
        if let Some(mode) = self.mode {
            sink.set_property_from_str("mode", mode.nick());
        }
        if let Some(model) = &self.model {
            sink.set_property("model", model);
        }
        if let Some(fps) = self.fps {
            sink.set_property("fps", fps);
        }
        for (name, value) in [
            ("clip-length-seconds", self.clip_length_seconds),
            ("delay-seconds", self.delay_seconds),
            ("sampling-ratio", self.sampling_ratio),
            ("interval-seconds", self.interval_seconds),
        ] {
            if let Some(value) = value {
                sink.set_property(name, value);
            }
        }
        if let Some(schema) = &self.output_schema {
            sink.set_property("output-schema", Value::from(schema.clone()).to_string());
        }
    }

    /// For those who watch.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(shown)) => shown,
            other => unreachable!("a structure of texts and numbers is an object: {other:?}"),
        }
    }
}

pub(crate) fn check_prompt(prompt: &str) -> Result<(), AppError> {
    if prompt.trim().is_empty() {
        return Err(AppError::invalid("Say what to ask about the video.").field("prompt"));
    }
    Ok(())
}

/// Which field a complaint is about: the element names its properties, the service its own fields.
pub(crate) fn named_field(text: &str) -> Option<&'static str> {
    let text = text.replace('-', "_");
    let place = |field: &str| text.find(field);
    // The longest of those that begin at the same place: `mode` begins `model`.
    let found = FIELDS
        .into_iter()
        .filter_map(|field| Some((place(field)?, field)));
    found
        .min_by_key(|(place, field)| (*place, std::cmp::Reverse(field.len())))
        .map(|(_, field)| field)
}

fn within(field: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Result<(), AppError> {
    match value {
        Some(value) if !range.contains(&value) => Err(AppError::invalid(format!(
            "{field} is {value}: it must be from {} to {}.",
            range.start(),
            range.end()
        ))
        .field(field)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_the_one_that_is_named_first() {
        for (text, field) in [
            ("model nobody is unknown.", Some("model")),
            ("Set mode to clip, or unset model.", Some("mode")),
            (
                "fps × clip-length-seconds must be 3: raise clip-length-seconds.",
                Some("fps"),
            ),
            ("output-schema is no schema.", Some("output_schema")),
            (
                "inference.output_schema_json is none.",
                Some("output_schema"),
            ),
            ("There is no network.", None),
        ] {
            assert_eq!(named_field(text), field, "{text}");
        }
    }
}
