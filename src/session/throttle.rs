//! A bound on what a service that has gone wrong can make the element do.

use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// Messages that make no sense, and failures that the stream survives: as many as are told in a second.
pub const COMPLAINTS_A_SECOND: u32 = 10;

/// Lets so many through in each second.
#[derive(Debug)]
pub struct Gate {
    most: u32,
    since: Option<Instant>,
    passed: u32,
    held_back: u64,
}

impl Gate {
    pub fn new(most: u32) -> Self {
        Self {
            most,
            since: None,
            passed: 0,
            held_back: 0,
        }
    }

    /// Whether the next one may pass; with how many were held back before it.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now - since >= PERIOD) {
            self.since = Some(now);
            self.passed = 0;
        }
        if self.passed == self.most {
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
    fn so_many_pass_in_a_second() {
        let mut gate = Gate::new(3);
        let start = Instant::now();
        let passed = |gate: &mut Gate, ms: u64| gate.pass(start + Duration::from_millis(ms));
        let first: Vec<_> = (0..10).map(|ms| passed(&mut gate, ms)).collect();
        assert_eq!(first[..4], [Some(0), Some(0), Some(0), None]);
        assert!(first[4..].iter().all(Option::is_none));
        assert_eq!(passed(&mut gate, 999), None);
        assert_eq!(passed(&mut gate, 1_000), Some(8));
        assert_eq!(passed(&mut gate, 1_001), Some(0));
    }
}
