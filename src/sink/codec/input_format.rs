// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The format of the video that arrives at the inner sink: raw, or encoded and passed through.

use super::passthrough::Passthrough;

/// The format of the video that arrives at the inner sink.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFormat {
    Raw,
    Encoded(Passthrough),
}

impl InputFormat {
    /// Whether a connection that was made for `self` can also carry `other`.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Encoded(current), Self::Encoded(other)) => current.can_carry(other),
            _ => false,
        }
    }
}
