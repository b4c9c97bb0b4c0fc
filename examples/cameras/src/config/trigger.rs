// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of a trigger: when to record a camera, and for how long. The element does both, by an alert and its clip.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Condition, ConfigError, check_range};

/// The name of the alert.
const ALERT: &str = "trigger";

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
    /// Whether recordings have the camera's sound. In some places that needs the consent of who is heard.
    #[serde(default = "default_sound")]
    pub sound: bool,
    /// Older recordings of this camera are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_days: Option<f64>,
    /// The oldest recordings of this camera are removed, so that all of them take at most this many MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_mib: Option<u32>,
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

fn default_sound() -> bool {
    true
}

impl Trigger {
    pub fn check(&self) -> Vec<ConfigError> {
        let kept = [
            self.keep_days
                .and_then(|days| check_range("trigger.keep-days", days, 0.01, 3650.0)),
            self.keep_mib
                .and_then(|mib| check_range("trigger.keep-mib", f64::from(mib), 1.0, 1e9)),
        ];
        [
            ("trigger.answers", f64::from(self.answers), 1.0, 1000.0),
            (
                "trigger.cool-down-seconds",
                self.cool_down_seconds,
                0.0,
                86_400.0,
            ),
            ("trigger.before-seconds", self.before_seconds, 0.0, 60.0),
            ("trigger.after-seconds", self.after_seconds, 0.0, 600.0),
        ]
        .into_iter()
        .filter_map(|(field, value, min, max)| check_range(field, value, min, max))
        .chain(kept.into_iter().flatten())
        .collect()
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

    /// How long before its event a recording begins, at least.
    pub fn before(&self) -> Duration {
        Duration::from_secs_f64(self.before_seconds)
    }

    /// How long a recording goes on after its event.
    pub fn after(&self) -> Duration {
        Duration::from_secs_f64(self.after_seconds)
    }

    /// How old recordings may get.
    pub fn max_age(&self) -> Option<Duration> {
        self.keep_days
            .map(|days| Duration::from_secs_f64(days * 86_400.0))
    }

    /// How many bytes the recordings may take.
    pub fn max_bytes(&self) -> Option<u64> {
        self.keep_mib.map(|mib| u64::from(mib) << 20)
    }
}
