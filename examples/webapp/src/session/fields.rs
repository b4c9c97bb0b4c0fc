// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The fields of `POST /start-stream`. Each sets the property of the element that has its name, but for those that say
//! how to play a file. Reading, the description in `/openapi.json` and the README follow this table.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::config::Api;
use crate::error::AppError;

pub(crate) struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// The only API version that has it.
    pub api: Option<Api>,
    /// A description for readers of the API.
    pub what: &'static str,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Kind {
    Text,
    Choice(&'static [&'static str]),
    Number(RangeInclusive<f64>),
    /// A whole number.
    Whole(RangeInclusive<f64>),
    /// A rate, which is rounded to a whole number: cameras have 29.97.
    Rate(RangeInclusive<f64>),
    Flag,
    Object,
    Objects,
}

const fn field(name: &'static str, kind: Kind, what: &'static str) -> Field {
    Field {
        name,
        kind,
        api: None,
        what,
    }
}

const fn v1(name: &'static str, kind: Kind, what: &'static str) -> Field {
    Field {
        name,
        kind,
        api: Some(Api::V1),
        what,
    }
}

/// The question. It is the only field that is required.
pub(crate) const PROMPT: Field = field(
    "prompt",
    Kind::Text,
    "What to ask about the video. Required.",
);

/// All fields.
pub(crate) const FIELDS: [Field; 27] = [
    PROMPT,
    field(
        "backend",
        Kind::Choice(&["overshoot", "gemini", "openai", "anthropic"]),
        "Whose models to ask. On API v1, and for openai and anthropic, it chooses a model from the service's list.",
    ),
    field(
        "model",
        Kind::Text,
        "The model to ask, or a list of models separated by commas that are tried in order. Default: the service's.",
    ),
    field(
        "mode",
        Kind::Choice(&["auto", "clip", "frame"]),
        "What an answer is about: seconds of video (clip) or one picture (frame). Default: frame if only interval_seconds is given, otherwise clip.",
    ),
    field(
        "target_fps",
        Kind::Rate(1.0..=30.0),
        "Clip mode: frames per second that the model gets. Not together with fps and sampling_ratio.",
    ),
    field(
        "fps",
        Kind::Rate(1.0..=120.0),
        "Clip mode, older form: the frame rate of the video.",
    ),
    field(
        "sampling_ratio",
        Kind::Number(0.0..=1.0),
        "Clip mode, older form: the part of the frames that the model gets.",
    ),
    field(
        "clip_length_seconds",
        Kind::Number(0.1..=60.0),
        "Clip mode: the length of a clip. On API v0.2 a clip must hold 3 frames.",
    ),
    field(
        "delay_seconds",
        Kind::Number(0.0..=86_400.0),
        "Clip mode: the time from one answer to the next; on API v0.2 at most 60.",
    ),
    field(
        "interval_seconds",
        Kind::Number(0.1..=86_400.0),
        "Frame mode: the time from one answer to the next; on API v0.2 at most 60.",
    ),
    field(
        "output_schema",
        Kind::Object,
        "A JSON schema that the answers must match.",
    ),
    field(
        "schema_mode",
        Kind::Choice(&["auto", "strict", "prompt"]),
        "Whether the service forces the answers to match the schema (strict), or the model is only asked to (prompt; API v1).",
    ),
    field(
        "max_output_tokens",
        Kind::Whole(1.0..=1_000_000.0),
        "The maximum length of an answer. On API v0.2 at most 128 for each second between answers.",
    ),
    v1(
        "system_prompt",
        Kind::Text,
        "Instructions for the model in front of every question.",
    ),
    v1(
        "temperature",
        Kind::Number(0.0..=2.0),
        "How much the answers may vary, from 0 (least) to 2.",
    ),
    v1(
        "stream_partial",
        Kind::Flag,
        "Send partial events while an answer arrives.",
    ),
    v1(
        "questions",
        Kind::Objects,
        "More questions about the same video: objects with name, prompt, interval_seconds, clip_length_seconds, target_fps, output_schema, model, max_output_tokens.",
    ),
    field(
        "alerts",
        Kind::Objects,
        "Conditions on answers, which raise alert events: objects with name, when, answers, clear_answers, cool_down, question.",
    ),
    field(
        "changes_only",
        Kind::Flag,
        "Leave out answers that say the same as the one before.",
    ),
    field(
        "drop_late_results",
        Kind::Flag,
        "Drop answers to an earlier prompt.",
    ),
    field(
        "ask_when",
        Kind::Object,
        "Ask seldom while nothing moves: an object with after and every, in seconds.",
    ),
    field(
        "budget",
        Kind::Object,
        "Limits on what the stream costs: an object with cents, answers, seconds, cents_per_hour, answers_per_hour, seconds_per_hour.",
    ),
    field(
        "bitrate",
        Kind::Whole(1000.0..=100_000_000.0),
        "The maximum bitrate of the video that is sent, in bit/s.",
    ),
    field(
        "max_width",
        Kind::Whole(0.0..=16_384.0),
        "Wider video is scaled down; 0: no limit.",
    ),
    field(
        "max_height",
        Kind::Whole(0.0..=16_384.0),
        "Higher video is scaled down; 0: no limit.",
    ),
    field("loop", Kind::Flag, "Files: play the video again and again."),
    field(
        "start_at",
        Kind::Number(0.0..=1_000_000.0),
        "Files: where to begin, in seconds.",
    ),
];

impl Field {
    /// The property of the element.
    pub(crate) fn property(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether it is about playing a file, and not a property.
    pub(super) fn is_of_file(&self) -> bool {
        matches!(self.name, "loop" | "start_at")
    }

    /// Checks the value, and brings numbers into the form that the element takes. Values that are too small
    /// become the smallest possible value. The text says what was changed.
    pub(super) fn read(&self, value: Value) -> Result<(Value, Option<String>), AppError> {
        let number = value.as_f64();
        match (&self.kind, &value) {
            (Kind::Text, Value::String(text)) => {
                self.check_text(text)?;
                Ok((value, None))
            }
            (Kind::Choice(words), Value::String(text)) if words.contains(&text.as_str()) => {
                Ok((value, None))
            }
            (Kind::Choice(words), Value::String(text)) => Err(self.wrong(format!(
                "is “{}”, but it must be {}",
                shorten(text),
                one_of(words)
            ))),
            (Kind::Flag, Value::Bool(_)) => Ok((value, None)),
            (Kind::Object, Value::Object(_)) => Ok((value, None)),
            (Kind::Objects, Value::Array(list)) if list.iter().all(Value::is_object) => {
                Ok((value, None))
            }
            (Kind::Number(range) | Kind::Whole(range) | Kind::Rate(range), Value::Number(_)) => {
                self.read_number(number.unwrap_or(f64::NAN), range)
            }
            _ => Err(self.wrong(format!(
                "is {}, but it must be {}",
                kind_of(&value),
                self.expected()
            ))),
        }
    }

    fn read_number(
        &self,
        given: f64,
        range: &RangeInclusive<f64>,
    ) -> Result<(Value, Option<String>), AppError> {
        let (least, most) = (*range.start(), *range.end());
        if !(0.0..=most).contains(&given) {
            return Err(self.wrong(format!("is {given}, but it must be from {least} to {most}")));
        }
        if given < least {
            let raised = self.to_json(least);
            let why = format!(
                "{} was raised from {given} to {least}, the least that is possible.",
                self.name
            );
            return Ok((raised, Some(why)));
        }
        let rounded = match self.kind {
            Kind::Rate(_) => given.round().clamp(least, most),
            Kind::Whole(_) if given.fract() != 0.0 => {
                return Err(self.wrong(format!("is {given}, but it must be a whole number")));
            }
            _ => given,
        };
        // Rates such as 29.97 are 30 by name.
        let warning = ((rounded - given).abs() > 0.05).then(|| {
            format!(
                "{} was rounded from {given} to {rounded}: the service takes whole numbers.",
                self.name
            )
        });
        Ok((self.to_json(rounded), warning))
    }

    /// A number of this field.
    pub(super) fn to_json(&self, number: f64) -> Value {
        match self.kind {
            Kind::Whole(_) | Kind::Rate(_) => (number as u32).into(),
            _ => number.into(),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), AppError> {
        match text.contains('\0') {
            // Texts of GStreamer end at this character.
            true => {
                Err(self.wrong("contains the character U+0000, which is not allowed".to_owned()))
            }
            false => Ok(()),
        }
    }

    fn expected(&self) -> String {
        match &self.kind {
            Kind::Text => "a text".to_owned(),
            Kind::Choice(words) => one_of(words),
            Kind::Number(range) => format!("a number from {} to {}", range.start(), range.end()),
            Kind::Whole(range) | Kind::Rate(range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Kind::Flag => "true or false".to_owned(),
            Kind::Object => "an object, {…}".to_owned(),
            Kind::Objects => "a list of objects, [{…}]".to_owned(),
        }
    }

    pub(super) fn wrong(&self, what: String) -> AppError {
        AppError::invalid(format!("{} {what}.", self.name)).field(self.name)
    }
}

/// Reads the fields of a body. Fields with the value null count as absent.
pub(super) fn read(
    body: Map<String, Value>,
    fields: &[Field],
) -> Result<(Map<String, Value>, Vec<String>), AppError> {
    let (mut values, mut warnings) = (Map::new(), Vec::new());
    for (name, value) in body {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let names: Vec<_> = fields.iter().map(|field| field.name).collect();
            let name = shorten(&name);
            return Err(AppError::invalid(format!(
                "There is no field “{name}”. The possible fields are {}.",
                names.join(", ")
            ))
            .field(name));
        };
        if value.is_null() {
            continue;
        }
        let (value, warning) = field.read(value)?;
        values.insert(name, value);
        warnings.extend(warning);
    }
    Ok((values, warnings))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// The beginning of a text, for a message.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
