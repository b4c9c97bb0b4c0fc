//! Pauses between tries: longer each time, and not all cameras of a network at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn next(&mut self) -> Duration {
        let pause = pause(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

/// Doubled each time, less up to half of it.
fn pause(failures: u32, random: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
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
