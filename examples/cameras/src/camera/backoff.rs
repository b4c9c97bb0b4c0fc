// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Pauses between attempts. They grow, and are random so that not all cameras of a network reconnect at once.

use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// To call after success: the next pause is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn next(&mut self) -> Duration {
        let pause = pause(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

/// The pause doubles with each failure, up to a limit. Then up to half of it is subtracted at random.
fn pause(failures: u32, random: f64) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << failures.min(16))
        .min(MAX_PAUSE);
    doubled.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let seconds = [0, 1, 2, 5, 6, 60].map(|n| pause(n, 0.0).as_secs());
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
        assert_eq!(pause(2, 1.0), Duration::from_secs(2));
    }
}
