// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The credits of the account, and what streams cost.

use std::sync::Mutex;

use crate::lock::lock;
use crate::service::live_stream::LiveStream;

/// The price of a second of a stream.
const CENTS_PER_SECOND: f64 = 0.05;
const MICROCENTS_PER_CENT: f64 = 1_000_000.0;

/// The credits that are left, in cents. `None`: credits are not counted.
pub(crate) struct Credits(Mutex<Option<f64>>);

/// What a stream was charged.
pub(crate) struct Charge {
    pub seconds: f64,
    pub cents: f64,
    pub left: f64,
}

impl Credits {
    pub(crate) fn new(cents: Option<f64>) -> Self {
        Credits(Mutex::new(cents))
    }

    pub(crate) fn any_left(&self) -> bool {
        self.left().is_none_or(|left| left > 0.0)
    }

    /// The credits that are left. `None`: credits are not counted.
    pub(crate) fn left(&self) -> Option<f64> {
        *lock(&self.0)
    }

    /// Charges the account for an answer.
    pub(crate) fn spend(&self, microcents: u64) {
        if let Some(left) = lock(&self.0).as_mut() {
            *left = (*left - microcents as f64 / MICROCENTS_PER_CENT).max(0.0);
        }
    }

    /// Charges a stream for the time since its last charge. `None`: credits are not counted.
    pub(crate) fn charge(&self, live: &LiveStream) -> Option<Charge> {
        let mut credits = lock(&self.0);
        let left = credits.as_mut()?;
        let seconds = live.uncharged_seconds();
        let cents = seconds * CENTS_PER_SECOND;
        *left = (*left - cents).max(0.0);
        Some(Charge {
            seconds,
            cents,
            left: *left,
        })
    }
}
