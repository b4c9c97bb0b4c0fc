// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of a trigger: when to record a camera, and for how long. The element does both, by an alert and its clip.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of the alert.
const ALERT: &str = "trigger";

use super::{Condition, ConfigError, check_range};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trigger {
    /// The condition on the answer, for example `/alert == true`, or `fire | smoke`.
    pub when: Condition,
    /// For how many answers in a row the condition must hold.
    #[serde(default = "default_answers")]
    pub answers: u32,
    /// Minimum time from one event to the next.
    #[serde(default = "default_cool_down_seconds")]
    cool_down_seconds: f64,
    #[serde(default = "default_margin_seconds")]
    before_seconds: f64,
    #[serde(default = "default_margin_seconds")]
    after_seconds: f64,
    /// The folder for the recordings. It must exist.
    pub folder: PathBuf,
}

fn default_answers() -> u32 {
    1
}

fn default_cool_down_seconds() -> f64 {
    60.0
}

fn default_margin_seconds() -> f64 {
    5.0
}

impl Trigger {
    pub fn check(&self) -> Result<(), ConfigError> {
        check_range("trigger.answers", f64::from(self.answers), 1.0, 1000.0)?;
        check_range(
            "trigger.cool-down-seconds",
            self.cool_down_seconds,
            0.0,
            86_400.0,
        )?;
        check_range("trigger.before-seconds", self.before_seconds, 0.0, 60.0)?;
        check_range("trigger.after-seconds", self.after_seconds, 0.0, 600.0)
    }

    /// The element's property `alerts`.
    pub fn alerts(&self) -> gst::Array {
        let alert = gst::Structure::builder("alert")
            .field("name", ALERT)
            .field("when", self.when.as_str())
            .field("answers", self.answers)
            .field("cool-down", self.cool_down_seconds)
            .build();
        gst::Array::new([alert])
    }

    /// The element's property `evidence-clip`.
    pub fn clip(&self) -> gst::Structure {
        gst::Structure::builder("clip")
            .field("before", self.before_seconds)
            .field("after", self.after_seconds)
            .build()
    }

    /// The element's property `evidence-location`: a number for each recording of this camera.
    pub fn location(&self, camera: &str) -> String {
        let folder = self.folder.to_string_lossy().replace('%', "%%");
        format!("{folder}/{camera}-%05d.jpg")
    }

    /// How long a recording goes on after its event.
    pub fn after(&self) -> Duration {
        Duration::from_secs_f64(self.after_seconds)
    }
}
