// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of one camera: its URL, the question about its video, and when to record it.

use serde::{Deserialize, Serialize};

use super::{CameraUrl, ConfigError, Trigger, check_range, schema};

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
}

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
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_allowed) {
            return Err(ConfigError::new(
                "name",
                "use ASCII letters, digits, - and _ only, at most 64 characters, because files and topics get this name",
            ));
        }
        if self.prompt.trim().is_empty() {
            return Err(ConfigError::new(
                "prompt",
                "the prompt is empty: write the question to ask",
            ));
        }
        if self.repeat && !self.url.is_file() {
            return Err(ConfigError::new(
                "loop",
                "only files have this field: remove it",
            ));
        }
        check_range("interval-seconds", self.interval_seconds, 0.1, 60.0)?;
        if self.mode == Mode::Frame {
            let clip_fields = [
                ("clip-length-seconds", self.clip_length_seconds.is_some()),
                ("target-fps", self.target_fps.is_some()),
            ];
            if let Some((field, _)) = clip_fields.iter().find(|(_, set)| *set) {
                return Err(ConfigError::new(
                    field,
                    "only clips have this field: set mode = \"clip\" or remove it",
                ));
            }
        }
        if let Some(seconds) = self.clip_length_seconds {
            check_range("clip-length-seconds", seconds, 0.1, 60.0)?;
        }
        if let Some(fps) = self.target_fps {
            check_range("target-fps", f64::from(fps), 1.0, 30.0)?;
        }
        match &self.trigger {
            Some(trigger) if trigger.when.needs_json() && self.schema.is_none() => {
                Err(ConfigError::new(
                    "trigger",
                    "this condition needs JSON answers: set schema, so that the answers are JSON, or write words such as fire | smoke",
                ))
            }
            Some(trigger) => trigger.check(),
            None => Ok(()),
        }
    }
}
