// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An error in the TOML file: where it is, and how to fix it. It never repeats the line, which may hold a
//! password.

use std::fmt;
use std::io;
use std::path::Path;

#[derive(Debug)]
pub struct ConfigError {
    /// File, line and camera, as far as they are known, and the field.
    place: Vec<String>,
    text: String,
}

impl ConfigError {
    pub fn new(field: &str, text: &str) -> Self {
        Self {
            place: vec![field.to_owned()],
            text: text.to_owned(),
        }
    }

    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(&path.display().to_string(), &error.to_string())
    }

    pub fn in_camera(self, name: &str) -> Self {
        self.at(format!("camera \"{name}\""))
    }

    pub fn in_file(self, path: &Path) -> Self {
        self.at(path.display().to_string())
    }

    fn at(mut self, place: String) -> Self {
        self.place.insert(0, place);
        self
    }

    pub fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..offset).unwrap_or_default();
        let mut place = vec![format!("line {}", before.matches('\n').count() + 1)];
        let cameras = before
            .lines()
            .filter(|line| line.trim() == "[[cameras]]")
            .count();
        // The error for a missing field points at the [[cameras]] line of its camera. That line counts too.
        let header = text
            .get(offset..)
            .is_some_and(|rest| rest.starts_with("[[cameras]]"));
        if let Some(index) = (cameras + usize::from(header)).checked_sub(1) {
            place.push(match find_camera_name(text, index) {
                Some(name) => format!("camera \"{name}\""),
                None => format!("camera {}", index + 1),
            });
        }
        Self {
            place,
            text: error.message().to_owned(),
        }
    }
}

/// The name of a camera in a file that is valid TOML, although its fields may be invalid.
fn find_camera_name(text: &str, index: usize) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    let camera = table.get("cameras")?.as_array()?.get(index)?;
    camera.get("name")?.as_str().map(str::to_owned)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place.join(", "), self.text)
    }
}

impl std::error::Error for ConfigError {}
