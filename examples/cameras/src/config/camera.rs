//! One camera: where it is, what to ask about it, and when to record it.

use serde::{Deserialize, Serialize};

use super::{Address, Trigger, Wrong, schema, within};

/// From one answer to the next.
const INTERVAL_SECONDS: f64 = 1.0;

/// Also what a replica is given to do, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Camera {
    /// In answers, file names, topics, subjects and metrics.
    pub name: String,
    pub url: Address,
    pub prompt: String,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default = "interval_seconds")]
    pub interval_seconds: f64,
    /// Of mode clip; unset: the element's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_length_seconds: Option<f64>,
    /// Of mode clip; unset: the element's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_fps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A JSON schema that answers must fit.
    #[serde(default, with = "schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One picture.
    #[default]
    Frame,
    /// Some of them together.
    Clip,
}

fn interval_seconds() -> f64 {
    INTERVAL_SECONDS
}

impl Camera {
    pub fn check(&self) -> Result<(), Wrong> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(fits) {
            return Err(Wrong::new(
                "name",
                "letters of ASCII, digits, - and _ may stand in it, 64 at the most, as it names files and topics",
            ));
        }
        if self.prompt.trim().is_empty() {
            return Err(Wrong::new("prompt", "it is empty: say what to ask"));
        }
        within("interval-seconds", self.interval_seconds, 0.1, 60.0)?;
        if self.mode == Mode::Frame {
            let of_clips = [
                ("clip-length-seconds", self.clip_length_seconds.is_some()),
                ("target-fps", self.target_fps.is_some()),
            ];
            if let Some((field, _)) = of_clips.iter().find(|(_, set)| *set) {
                return Err(Wrong::new(field, "it is of clips: set mode = \"clip\""));
            }
        }
        if let Some(seconds) = self.clip_length_seconds {
            within("clip-length-seconds", seconds, 0.1, 60.0)?;
        }
        if let Some(fps) = self.target_fps {
            within("target-fps", f64::from(fps), 1.0, 30.0)?;
        }
        match &self.trigger {
            Some(_) if self.schema.is_none() => Err(Wrong::new(
                "trigger",
                "it looks into JSON answers, and there is no schema: set schema, so that answers have a form",
            )),
            Some(trigger) => trigger.check(),
            None => Ok(()),
        }
    }
}
