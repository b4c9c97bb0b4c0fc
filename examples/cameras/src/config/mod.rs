//! The TOML file: what may stand in it, and what is wrong with one.

mod address;
mod camera;
mod deliver;
mod schema;
mod trigger;
mod wrong;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

pub use address::Address;
pub use camera::{Camera, Mode};
pub use deliver::{Broker, Deliver, Webhook, read as read_secret};
pub use trigger::Trigger;
pub use wrong::Wrong;

/// The environment's variable with the key, where the file names none.
pub const KEY_VARIABLE: &str = "OVERSHOOT_API_KEY";

/// How long a camera keeps its place while others wait for one.
const TURN_SECONDS: f64 = 60.0;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Names of the environment's variables that hold the keys; five streams each.
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default = "turn_seconds")]
    turn_seconds: f64,
    /// Where `/metrics` and `/healthz` are served.
    pub metrics: Option<SocketAddr>,
    /// Where answers go besides stdout.
    #[serde(default)]
    pub deliver: Deliver,
    #[serde(default)]
    pub cameras: Vec<Camera>,
}

fn turn_seconds() -> f64 {
    TURN_SECONDS
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            turn_seconds: TURN_SECONDS,
            metrics: None,
            deliver: Deliver::default(),
            cameras: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads a file, and checks what can be checked without a network.
    pub fn read(path: &Path) -> Result<Self, Wrong> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Wrong::unreadable(path, &error))?;
        Self::parse(&text).map_err(|wrong| wrong.of_file(path))
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let settings: Self = toml::from_str(text).map_err(|error| Wrong::of_toml(text, &error))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Wrong> {
        within("turn-seconds", self.turn_seconds, 1.0, 86_400.0)?;
        self.deliver.check()?;
        let mut names = HashSet::new();
        for camera in &self.cameras {
            camera
                .check()
                .map_err(|wrong| wrong.of_camera(&camera.name))?;
            if !names.insert(&camera.name) {
                return Err(
                    Wrong::new("name", "another camera has that name: each needs its own")
                        .of_camera(&camera.name),
                );
            }
        }
        Ok(())
    }

    pub fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.turn_seconds)
    }
}

/// What a number may be.
fn within(field: &'static str, value: f64, least: f64, most: f64) -> Result<(), Wrong> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(Wrong::new(
            field,
            &format!("{value} is not from {least} to {most}"),
        )),
    }
}

#[cfg(test)]
mod tests;
