// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Where a camera is in the file, for messages that come later.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Empty for a camera from the work queue.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub file: Arc<str>,
    /// The line of its `[[cameras]]`.
    pub line: usize,
    /// The line of each field, such as `trigger.when`.
    pub fields: BTreeMap<String, usize>,
}

impl Place {
    /// The line of a field, or else that of the camera.
    pub fn line_of(&self, field: &str) -> Option<usize> {
        let line = self.fields.get(field).copied().unwrap_or(self.line);
        (line > 0).then_some(line)
    }

    /// Such as `cameras.toml, line 12, target-fps`.
    pub fn of_field(&self, field: &str) -> String {
        match self.line_of(field) {
            Some(line) => format!("{}, line {line}, {field}", self.file),
            None => field.to_owned(),
        }
    }
}
