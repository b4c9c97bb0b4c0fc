// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Pauses between attempts. They grow, and are random so that not all cameras of a network reconnect at once.

use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
const FIRST_SLOW_PAUSE: Duration = Duration::from_secs(60);
const MAX_SLOW_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The first refusal of a password may be a mistake of a camera that is just starting.
const FIRST_LOGIN_PAUSE: Duration = Duration::from_secs(5);
/// Cameras lock an account after a few wrong passwords, some of them for half an hour.
const LOGIN_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How quickly to try again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// The fault may pass by itself: after 1 s, later after up to a minute.
    #[default]
    Quick,
    /// Somebody has to change something: after a minute, later after up to 15.
    Slow,
    /// A refused login: once more, then every 15 minutes.
    Login,
}

#[derive(Debug, Default)]
pub struct Backoff {
    /// Failures in a row of the same pace.
    failures: u32,
    pace: Pace,
}

impl Backoff {
    /// To call after success: the next pause is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn next(&mut self, pace: Pace) -> Duration {
        if pace != self.pace {
            *self = Self { failures: 0, pace };
        }
        let pause = pause(pace, self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

/// The pause doubles with each failure, up to a limit. Then up to half of it is subtracted at random.
/// The pauses after a refused login are fixed, because each attempt counts.
fn pause(pace: Pace, failures: u32, random: f64) -> Duration {
    let (first, max) = match pace {
        Pace::Quick => (FIRST_PAUSE, MAX_PAUSE),
        Pace::Slow => (FIRST_SLOW_PAUSE, MAX_SLOW_PAUSE),
        Pace::Login if failures == 0 => return FIRST_LOGIN_PAUSE,
        Pace::Login => return LOGIN_PAUSE,
    };
    let doubled = first.saturating_mul(1 << failures.min(16)).min(max);
    doubled.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let seconds = |pace, failures: &[u32]| {
            let pauses = failures.iter().map(|n| pause(pace, *n, 0.0).as_secs());
            pauses.collect::<Vec<_>>()
        };
        let quick = seconds(Pace::Quick, &[0, 1, 2, 5, 6, 60]);
        assert_eq!(quick, [1, 2, 4, 32, 60, 60]);
        assert_eq!(seconds(Pace::Slow, &[0, 1, 4, 60]), [60, 120, 900, 900]);
        assert_eq!(pause(Pace::Quick, 2, 1.0), Duration::from_secs(2));
    }

    #[test]
    fn a_password_is_tried_twice_and_then_every_15_minutes() {
        let mut backoff = Backoff::default();
        let pauses = [0; 4].map(|_| backoff.next(Pace::Login).as_secs());
        assert_eq!(pauses, [5, 900, 900, 900]);
    }

    #[test]
    fn another_kind_of_fault_begins_with_its_first_pause() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.next(Pace::Quick);
        }
        assert_eq!(backoff.next(Pace::Login), FIRST_LOGIN_PAUSE);
        assert!(backoff.next(Pace::Quick) <= FIRST_PAUSE);
    }
}
