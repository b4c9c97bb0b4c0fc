//! The credits of the account: what streams cost.

use std::sync::Mutex;

use crate::lock::lock;
use crate::service::live_stream::LiveStream;

/// What a second of a stream costs.
const CENTS_PER_SECOND: f64 = 0.05;

/// What is left, in cents. `None`: nobody counts.
pub(crate) struct Credits(Mutex<Option<f64>>);

/// What a renewal cost.
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

    /// What is left to spend. `None`: nobody counts.
    pub(crate) fn left(&self) -> Option<f64> {
        *lock(&self.0)
    }

    /// Takes the money for the time since the last charge. `None`: nobody counts.
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
