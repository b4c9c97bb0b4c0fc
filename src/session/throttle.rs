// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A bound on what a service that has gone wrong can make the element do.

use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// Lets a number of items pass in each second, and counts the others.
#[derive(Debug)]
pub struct Throttle {
    max_per_second: u32,
    period_start: Option<Instant>,
    passed: u32,
    held_back: u64,
}

impl Throttle {
    pub fn new(max_per_second: u32) -> Self {
        Self {
            max_per_second,
            period_start: None,
            passed: 0,
            held_back: 0,
        }
    }

    /// Whether the next item may pass: `Some` with the number of items that were held back before it.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.period_start.is_none_or(|start| now - start >= PERIOD) {
            self.period_start = Some(now);
            self.passed = 0;
        }
        if self.passed == self.max_per_second {
            self.held_back += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_items_passes_in_each_second() {
        let mut throttle = Throttle::new(3);
        let start = Instant::now();
        let pass =
            |throttle: &mut Throttle, ms: u64| throttle.pass(start + Duration::from_millis(ms));
        let first: Vec<_> = (0..10).map(|ms| pass(&mut throttle, ms)).collect();
        assert_eq!(first[..4], [Some(0), Some(0), Some(0), None]);
        assert!(first[4..].iter().all(Option::is_none));
        assert_eq!(pass(&mut throttle, 999), None);
        assert_eq!(pass(&mut throttle, 1_000), Some(8));
        assert_eq!(pass(&mut throttle, 1_001), Some(0));
    }
}
