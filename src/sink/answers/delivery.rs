// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An answer on its way to the application. It may wait for its picture.

use super::alerts::Change;
use super::messages::Context;

/// What the element has decided about an answer when it arrived.
pub struct Delivery {
    pub context: Context,
    /// The alerts that it raises or ends.
    pub changes: Vec<Change>,
}

impl Delivery {
    /// The name of the first alert that it raises.
    pub fn raised(&self) -> Option<&str> {
        let mut changes = self.changes.iter();
        let raised = changes.find(|change| change.raised)?;
        Some(&raised.name)
    }
}
