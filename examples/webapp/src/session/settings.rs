// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of a stream: read from a request, adapted to the service, set at the element.

use gst::prelude::*;
use serde_json::{Map, Value};

use super::adapt::{Asked, adapt};
use super::fields::{self, FIELDS, Field, Kind, PROMPT};
use super::structure::{to_array, to_structure};
use crate::error::AppError;
use crate::media::Playback;

/// The fields of the body of `POST /start-stream/{session_id}`. The element has defaults for missing fields.
#[derive(Clone, Debug)]
pub(crate) struct StreamSettings {
    values: Map<String, Value>,
    /// What was changed so that the service accepts the settings, in sentences.
    pub warnings: Vec<String>,
}

impl StreamSettings {
    /// Reads and checks each field, and adapts the settings to the service. The element checks the rest.
    pub(crate) fn read(body: Map<String, Value>, asked: &Asked) -> Result<Self, AppError> {
        let (mut values, mut warnings) = fields::read(body, &FIELDS)?;
        check_prompt(&values)?;
        check_objects(&values)?;
        adapt(&mut values, &mut warnings, asked)?;
        Ok(Self { values, warnings })
    }

    /// How to play a file.
    pub(crate) fn playback(&self) -> Playback {
        let start_at = self.values.get("start_at").and_then(Value::as_f64);
        Playback {
            start_at: start_at
                .filter(|seconds| *seconds > 0.0)
                .map(gst::ClockTime::from_seconds_f64),
            repeats: self.values.get("loop") == Some(&Value::Bool(true)),
        }
    }

    /// Sets the element's properties from the given fields.
    pub(crate) fn apply(&self, sink: &gst::Element) {
        for field in FIELDS.iter().filter(|field| !field.is_of_file()) {
            if let Some(value) = self.values.get(field.name) {
                set(sink, field, value);
            }
        }
    }

    /// The settings as JSON, for watchers.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        self.values.clone()
    }
}

/// Reads the body of `POST /update-prompt/{session_id}`.
pub(crate) fn read_prompt(body: Map<String, Value>) -> Result<String, AppError> {
    let (values, _) = fields::read(body, &[PROMPT])?;
    check_prompt(&values)
}

fn check_prompt(values: &Map<String, Value>) -> Result<String, AppError> {
    let prompt = values.get("prompt").and_then(Value::as_str);
    match prompt.filter(|prompt| !prompt.trim().is_empty()) {
        Some(prompt) => Ok(prompt.to_owned()),
        None => Err(
            AppError::invalid("Say in the field prompt what to ask about the video.")
                .field("prompt"),
        ),
    }
}

/// Whether the objects can be structures of GStreamer.
fn check_objects(values: &Map<String, Value>) -> Result<(), AppError> {
    let others = FIELDS.iter().filter(|field| field.name != "output_schema");
    for field in others {
        let checked = match (&field.kind, values.get(field.name)) {
            (Kind::Object, Some(value)) => to_structure(field.name, value).map(|_| ()),
            (Kind::Objects, Some(value)) => to_array(field.name, value).map(|_| ()),
            _ => Ok(()),
        };
        checked.map_err(|what| field.wrong(what))?;
    }
    Ok(())
}

fn set(sink: &gst::Element, field: &Field, value: &Value) {
    let property = field.property();
    match (&field.kind, value) {
        (Kind::Choice(_), Value::String(text)) => sink.set_property_from_str(&property, text),
        (_, Value::String(text)) => sink.set_property(&property, text),
        // Of the outputs that it names, only the messages are used here.
        (_, Value::Bool(yes)) if field.name == "changes_only" => {
            if *yes {
                sink.set_property_from_str(&property, "messages");
            }
        }
        (_, Value::Bool(yes)) => sink.set_property(&property, yes),
        (Kind::Number(_), Value::Number(number)) => {
            sink.set_property(&property, number.as_f64().unwrap_or_default());
        }
        (_, Value::Number(number)) => {
            let number = number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok());
            sink.set_property(&property, number.unwrap_or_default());
        }
        (_, schema) if field.name == "output_schema" => {
            sink.set_property(&property, schema.to_string());
        }
        // The conversions have worked before, in `check_objects`.
        (_, Value::Object(_)) => {
            if let Ok(structure) = to_structure(field.name, value) {
                sink.set_property(&property, structure);
            }
        }
        (_, Value::Array(_)) => {
            if let Ok(array) = to_array(field.name, value) {
                sink.set_property(&property, array);
            }
        }
        (_, Value::Null) => {}
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
