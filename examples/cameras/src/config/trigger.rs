//! When to record a camera, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Wrong, within};
use crate::condition::Condition;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trigger {
    /// What has to hold, as in `/alert == true`.
    pub when: Condition,
    /// For how many answers in a row.
    #[serde(default = "one")]
    pub answers: u32,
    /// From one event to the next, at the least.
    #[serde(default = "cool_down")]
    cool_down_seconds: f64,
    #[serde(default = "around")]
    before_seconds: f64,
    #[serde(default = "around")]
    after_seconds: f64,
    /// Where the files go.
    pub folder: PathBuf,
}

fn one() -> u32 {
    1
}

fn cool_down() -> f64 {
    60.0
}

fn around() -> f64 {
    5.0
}

impl Trigger {
    pub fn check(&self) -> Result<(), Wrong> {
        within("trigger.answers", f64::from(self.answers), 1.0, 1000.0)?;
        within(
            "trigger.cool-down-seconds",
            self.cool_down_seconds,
            0.0,
            86_400.0,
        )?;
        within("trigger.before-seconds", self.before_seconds, 0.0, 60.0)?;
        within("trigger.after-seconds", self.after_seconds, 0.0, 600.0)
    }

    pub fn cool_down(&self) -> Duration {
        Duration::from_secs_f64(self.cool_down_seconds)
    }

    pub fn before(&self) -> Duration {
        Duration::from_secs_f64(self.before_seconds)
    }

    pub fn after(&self) -> Duration {
        Duration::from_secs_f64(self.after_seconds)
    }
}
