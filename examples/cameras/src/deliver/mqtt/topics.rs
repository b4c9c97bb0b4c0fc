// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The topics of this program, below the topic in the settings.

use std::hash::{DefaultHasher, Hash, Hasher};

use gst::glib;

use crate::config::Settings;

#[derive(Clone, Debug)]
pub struct Topics {
    base: String,
    program: String,
}

impl Topics {
    pub fn new(base: &str, settings: &Settings) -> Self {
        Self {
            base: base.to_owned(),
            program: program_name(settings),
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// Answers and recordings of a camera.
    pub fn events(&self, camera: &str) -> String {
        format!("{}/{camera}", self.base)
    }

    /// The newest status event of a camera.
    pub fn status(&self, camera: &str) -> String {
        format!("{}/{camera}/status", self.base)
    }

    /// `online` or `offline`: whether this program is connected to the broker.
    pub fn program(&self) -> String {
        format!("{}/status/{}", self.base, self.program)
    }
}

/// The same after each start, so that its retained message is replaced, and another one for each program. A
/// replica has no cameras in its settings, and several may run on one host.
fn program_name(settings: &Settings) -> String {
    let host = glib::host_name().replace(['/', '+', '#'], "-");
    if settings.cameras.is_empty() {
        return format!("{host}-{}", std::process::id());
    }
    let mut hasher = DefaultHasher::new();
    for camera in &settings.cameras {
        camera.name.hash(&mut hasher);
    }
    format!("{host}-{:08x}", hasher.finish() as u32)
}
