// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of one camera: its URL, the question about its video, and when to record it.

use serde::{Deserialize, Serialize};

use super::document::Required;
use super::{CameraUrl, ConfigError, Place, Trigger, check_range, schema};

/// Default time from one answer to the next.
const DEFAULT_INTERVAL_SECONDS: f64 = 1.0;

/// One `[[cameras]]` entry. The work queue holds it as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Camera {
    /// Used in events, file names, topics, subjects and metrics.
    pub name: String,
    pub url: CameraUrl,
    /// Only of a file: play it again and again.
    #[serde(default, rename = "loop", skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    pub prompt: String,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default = "interval_seconds")]
    pub interval_seconds: f64,
    /// Only with `mode = "clip"`. Unset means the element's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_length_seconds: Option<f64>,
    /// Only with `mode = "clip"`. Unset means the element's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_fps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A JSON schema that answers must match.
    #[serde(default, with = "schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    #[serde(skip)]
    pub place: Place,
}

/// The fields in the file.
pub const FIELDS: [&str; 11] = [
    "name",
    "url",
    "loop",
    "prompt",
    "mode",
    "interval-seconds",
    "clip-length-seconds",
    "target-fps",
    "model",
    "schema",
    "trigger",
];

/// The fields that every camera has.
pub const REQUIRED: [Required; 3] = [
    Required {
        field: "name",
        advice: "write name = \"…\"",
        placeholder: "camera",
    },
    Required {
        field: "url",
        advice: "write url = \"rtsp://host/path\"",
        placeholder: "rtsp://camera/",
    },
    Required {
        field: "prompt",
        advice: "write prompt = \"…\" with the question to ask",
        placeholder: "?",
    },
];

/// What each answer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One frame.
    #[default]
    Frame,
    /// Several frames together.
    Clip,
}

fn interval_seconds() -> f64 {
    DEFAULT_INTERVAL_SECONDS
}

impl Camera {
    pub fn check(&self) -> Vec<ConfigError> {
        self.check_except(&[])
    }

    /// `unread`: fields that the file has, and that could not be read. Nothing is said about what depends on them.
    pub fn check_except(&self, unread: &[String]) -> Vec<ConfigError> {
        let is_read = |field: &str| !unread.iter().any(|name| name == field);
        let mut errors = Vec::new();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_allowed) {
            errors.push(ConfigError::new(
                "name",
                "use ASCII letters, digits, - and _ only, at most 64 characters, because files and topics get this name",
            ));
        }
        if self.prompt.trim().is_empty() {
            errors.push(ConfigError::new(
                "prompt",
                "the prompt is empty: write the question to ask",
            ));
        }
        if self.repeat && !self.url.is_file() && is_read("url") {
            errors.push(ConfigError::new(
                "loop",
                "only files have this field: remove it",
            ));
        }
        errors.extend(check_range(
            "interval-seconds",
            self.interval_seconds,
            0.1,
            60.0,
        ));
        if self.mode == Mode::Frame && is_read("mode") {
            let clip_fields = [
                ("clip-length-seconds", self.clip_length_seconds.is_some()),
                ("target-fps", self.target_fps.is_some()),
            ];
            errors.extend(
                clip_fields
                    .iter()
                    .filter(|(_, set)| *set)
                    .map(|(field, _)| {
                        ConfigError::new(
                            field,
                            "only clips have this field: set mode = \"clip\" or remove it",
                        )
                    }),
            );
        }
        let seconds = self.clip_length_seconds;
        errors.extend(seconds.and_then(|s| check_range("clip-length-seconds", s, 0.1, 60.0)));
        let fps = self.target_fps.map(f64::from);
        errors.extend(fps.and_then(|fps| check_range("target-fps", fps, 1.0, 30.0)));
        if is_read("schema") {
            errors.extend(self.check_schema());
        }
        errors.extend(self.trigger.iter().flat_map(Trigger::check));
        errors
    }

    /// Fields that are in the schema by mistake, and a condition on a value that no answer has.
    fn check_schema(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let schema = self.schema.as_ref();
        let members = schema.and_then(serde_json::Value::as_object);
        let names = members.into_iter().flat_map(|members| members.keys());
        for name in names.filter(|name| FIELDS.contains(&name.as_str())) {
            errors.push(ConfigError::new(
                &format!("schema.{name}"),
                &format!("`{name}` is a field of the camera, and here it belongs to the schema: move it above [cameras.schema]"),
            ));
        }
        let Some(pointer) = self
            .trigger
            .as_ref()
            .and_then(|trigger| trigger.when.pointer())
        else {
            return errors;
        };
        let Some(schema) = schema else {
            errors.push(ConfigError::new(
                "trigger.when",
                "this condition needs JSON answers: set schema, so that the answers are JSON, or write words such as fire | smoke",
            ));
            return errors;
        };
        if let Some((name, known)) = schema::missing_property(schema, pointer) {
            errors.push(ConfigError::new(
                "trigger.when",
                &format!(
                    "the schema has no property {name}, so that no answer has {pointer}: add it to the schema, or write one that is there ({})",
                    known.join(", ")
                ),
            ));
        }
        errors
    }

    /// Whether these are the same settings, wherever they are in the file.
    pub fn is_same(&self, other: &Self) -> bool {
        let json = |camera: &Self| serde_json::to_value(camera).ok();
        json(self) == json(other)
    }
}
