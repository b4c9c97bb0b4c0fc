// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When samples and answers are due.

use std::time::{Duration, Instant};

use crate::v02::request::Sampling;

/// The shortest time from one answer to the next.
const MIN_PERIOD: Duration = Duration::from_millis(1);

/// When samples and answers are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// From the first frame to the first answer.
    pub lead: Duration,
    /// From one answer to the next.
    pub period: Duration,
    /// From one sample to the next.
    pub sample: Duration,
}

impl Schedule {
    pub(crate) fn new(sampling: Sampling) -> Self {
        match sampling {
            Sampling::Clip {
                target_fps,
                length,
                delay,
            } => {
                let sample = Duration::from_secs_f64(1.0 / f64::from(target_fps.max(1)));
                Schedule {
                    lead: Duration::from_secs_f64(length),
                    period: Duration::from_secs_f64(delay).max(MIN_PERIOD),
                    sample,
                }
            }
            Sampling::Frame { interval } => Schedule {
                lead: Duration::ZERO,
                period: Duration::from_secs_f64(interval),
                sample: Duration::from_secs_f64(interval),
            },
        }
    }

    /// The next tick after `tick` that is not in the past. Missed ticks are skipped.
    pub(crate) fn next(self, tick: Instant, now: Instant) -> Instant {
        let next = tick + self.period;
        if next >= now {
            return next;
        }
        let late = now.duration_since(next).as_nanos();
        let skipped = late.div_ceil(self.period.as_nanos().max(1));
        next + self.period * u32::try_from(skipped).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_follows_the_mode() {
        let clip = |delay| {
            Schedule::new(Sampling::Clip {
                target_fps: 10,
                length: 0.5,
                delay,
            })
        };
        assert_eq!(clip(0.2).lead, Duration::from_millis(500));
        assert_eq!(clip(0.2).period, Duration::from_millis(200));
        assert_eq!(clip(1e-12).period, MIN_PERIOD);
        let frame = Schedule::new(Sampling::Frame { interval: 0.2 });
        assert_eq!(frame.lead, Duration::ZERO);
        assert_eq!(frame.period, Duration::from_millis(200));
    }

    #[test]
    fn missed_ticks_are_skipped() {
        let schedule = Schedule::new(Sampling::Frame { interval: 0.2 });
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(schedule.next(start, at(1)), at(200));
        assert_eq!(schedule.next(start, at(200)), at(200));
        assert_eq!(schedule.next(start, at(201)), at(400));
        assert_eq!(schedule.next(start, at(1_050)), at(1_200));
    }
}
