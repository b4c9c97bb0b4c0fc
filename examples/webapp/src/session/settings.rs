// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of a stream from the request, their checks, and the element properties that they set.

use std::ops::RangeInclusive;

use gst::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::AppError;

// The limits of the service.
const FPS_RANGE: RangeInclusive<f64> = 1.0..=120.0;
const SAMPLING_RATIO_RANGE: RangeInclusive<f64> = 0.0..=1.0;
const CLIP_LENGTH_SECONDS_RANGE: RangeInclusive<f64> = 0.1..=60.0;
const DELAY_SECONDS_RANGE: RangeInclusive<f64> = 0.0..=60.0;
const INTERVAL_SECONDS_RANGE: RangeInclusive<f64> = 0.1..=60.0;

/// The body of `POST /start-stream/{session_id}`. The element has defaults for missing fields.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamSettings {
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
    /// The name of this value in the element's property.
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
    /// The name of this value in the element's property.
    fn nick(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Frame => "frame",
        }
    }
}

/// The names of all fields.
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

impl StreamSettings {
    /// Checks each field. The element checks the combinations.
    pub(crate) fn check(&self) -> Result<(), AppError> {
        check_prompt(&self.prompt)?;
        check_range("fps", self.fps.map(f64::from), FPS_RANGE)?;
        check_range("sampling_ratio", self.sampling_ratio, SAMPLING_RATIO_RANGE)?;
        check_range(
            "clip_length_seconds",
            self.clip_length_seconds,
            CLIP_LENGTH_SECONDS_RANGE,
        )?;
        check_range("delay_seconds", self.delay_seconds, DELAY_SECONDS_RANGE)?;
        check_range(
            "interval_seconds",
            self.interval_seconds,
            INTERVAL_SECONDS_RANGE,
        )
    }

    /// Sets the element's properties from the given fields.
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

    /// The settings as JSON, for watchers.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(shown)) => shown,
            other => unreachable!("a structure becomes a JSON object: {other:?}"),
        }
    }
}

pub(crate) fn check_prompt(prompt: &str) -> Result<(), AppError> {
    if prompt.trim().is_empty() {
        return Err(AppError::invalid("Say what to ask about the video.").field("prompt"));
    }
    Ok(())
}

/// Finds the field that an error message names. The element names its properties, the service its fields.
pub(crate) fn named_field(text: &str) -> Option<&'static str> {
    let text = text.replace('-', "_");
    let position = |field: &str| text.find(field);
    // If several begin at the same place, take the longest: `model` begins with `mode`.
    let found = FIELDS
        .into_iter()
        .filter_map(|field| Some((position(field)?, field)));
    found
        .min_by_key(|(position, field)| (*position, std::cmp::Reverse(field.len())))
        .map(|(_, field)| field)
}

fn check_range(
    field: &str,
    value: Option<f64>,
    range: RangeInclusive<f64>,
) -> Result<(), AppError> {
    match value {
        Some(value) if !range.contains(&value) => Err(AppError::invalid(format!(
            "{field} is {value}, but it must be from {} to {}.",
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
    fn the_first_field_in_a_message_is_found() {
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
