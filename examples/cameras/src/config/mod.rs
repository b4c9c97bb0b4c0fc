// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The TOML file: its fields, their checks, and errors that say where the mistake is and how to fix it.
//!
//! One file for each part: `camera`, `trigger` and its `condition`, `deliver`, `camera_url` and its `host`, `schema`. `file`
//! reads them, with `document` and `plain`, and finds all errors at once; `folders` looks for the folders of recordings.
//! Nothing here uses the network or GStreamer. URLs and passwords stay out of errors and logs.

mod camera;
mod camera_url;
mod condition;
mod deliver;
mod document;
mod error;
mod file;
mod folders;
mod host;
mod place;
mod plain;
mod schema;
mod trigger;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

pub use camera::{Camera, FIELDS, Mode};
pub use camera_url::CameraUrl;
pub use condition::Condition;
pub use deliver::{Broker, Deliver, Webhook, read_secret};
pub use error::{ConfigError, ConfigErrors};
pub use place::Place;
pub use trigger::Trigger;

/// The environment variable with the API key, if the file names no other.
pub const KEY_VARIABLE: &str = "OVERSHOOT_API_KEY";

/// Default for how long a camera keeps its stream slot while other cameras wait.
const DEFAULT_TURN_SECONDS: f64 = 60.0;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Names of the environment variables that hold the API keys. Each key allows five streams.
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default = "turn_seconds")]
    turn_seconds: f64,
    /// The address at which `/metrics` and `/healthz` are served.
    pub metrics: Option<SocketAddr>,
    /// Where events go besides stdout.
    #[serde(default)]
    pub deliver: Deliver,
    #[serde(default)]
    pub cameras: Vec<Camera>,
}

fn turn_seconds() -> f64 {
    DEFAULT_TURN_SECONDS
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            turn_seconds: DEFAULT_TURN_SECONDS,
            metrics: None,
            deliver: Deliver::default(),
            cameras: Vec::new(),
        }
    }
}

impl Settings {
    /// Whether the other settings than the cameras are the same.
    pub fn has_same_process(&self, other: &Self) -> bool {
        self.keys == other.keys
            && self.turn_seconds == other.turn_seconds
            && self.metrics == other.metrics
            && self.deliver == other.deliver
    }

    pub fn turn_length(&self) -> Duration {
        Duration::from_secs_f64(self.turn_seconds)
    }
}

/// Refuses a number outside the range.
fn check_range(field: &'static str, value: f64, min: f64, max: f64) -> Option<ConfigError> {
    let is_inside = (min..=max).contains(&value);
    (!is_inside).then(|| {
        let text = format!("{value} is out of range: it must be from {min} to {max}");
        ConfigError::new(field, &text)
    })
}

#[cfg(test)]
mod tests;
