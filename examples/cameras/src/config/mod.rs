// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The TOML file: its fields, their checks, and errors that say where the mistake is and how to fix it.
//!
//! One file for each part: `camera`, `trigger` and its `condition`, `deliver`, `camera_url`, `schema`. Nothing
//! here uses the network or GStreamer. URLs and passwords stay out of errors and logs.

mod camera;
mod camera_url;
mod condition;
mod deliver;
mod error;
mod schema;
mod trigger;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

pub use camera::{Camera, Mode};
pub use camera_url::CameraUrl;
pub use condition::Condition;
pub use deliver::{Broker, Deliver, Webhook, read_secret};
pub use error::ConfigError;
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
    /// Reads a file and makes all checks that need no network.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    fn parse(text: &str) -> Result<Self, ConfigError> {
        let settings: Self =
            toml::from_str(text).map_err(|error| ConfigError::from_toml(text, &error))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), ConfigError> {
        check_range("turn-seconds", self.turn_seconds, 1.0, 86_400.0)?;
        self.deliver.check()?;
        let mut names = HashSet::new();
        for camera in &self.cameras {
            camera
                .check()
                .map_err(|error| error.in_camera(&camera.name))?;
            if !names.insert(&camera.name) {
                return Err(ConfigError::new(
                    "name",
                    "another camera has the same name: each camera needs its own",
                )
                .in_camera(&camera.name));
            }
        }
        Ok(())
    }

    pub fn turn_length(&self) -> Duration {
        Duration::from_secs_f64(self.turn_seconds)
    }
}

/// Refuses a number outside the range.
fn check_range(field: &'static str, value: f64, min: f64, max: f64) -> Result<(), ConfigError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(ConfigError::new(
            field,
            &format!("{value} is out of range: it must be from {min} to {max}"),
        )),
    }
}

#[cfg(test)]
mod tests;
