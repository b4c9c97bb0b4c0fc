// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The folders of recordings. They are checked at the start: days may pass before the first recording.

use std::fs::{self, OpenOptions};
use std::path::Path;

use super::{Camera, ConfigError};

impl Camera {
    /// Whether this machine can write its recordings.
    pub fn check_folder(&self) -> Option<ConfigError> {
        let trigger = self.trigger.as_ref()?;
        let why = check_folder(&trigger.folder).err()?;
        Some(ConfigError::new("trigger.folder", &why))
    }
}

/// # Errors
/// No file can be written there.
fn check_folder(folder: &Path) -> Result<(), String> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            return Err(format!(
                "{} is a file: write the path of a folder",
                folder.display()
            ));
        }
        Ok(_) => {}
        Err(error) => {
            return Err(format!(
                "{}: {error}: create this folder, or write the path of another one",
                folder.display()
            ));
        }
    }
    let probe = folder.join(format!(".overshoot-cameras.{}.part", std::process::id()));
    let created = OpenOptions::new().write(true).create_new(true).open(&probe);
    match created {
        Ok(_) => fs::remove_file(&probe).map_err(|error| error.to_string()),
        Err(error) => Err(format!(
            "{}: {error}: let this user write there, or write the path of another folder",
            folder.display()
        )),
    }
}
