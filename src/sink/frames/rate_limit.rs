// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A rate limit that only drops frames. It never changes or repeats one.

use gst::ClockTime;

/// A frame may be early by this part of the interval: the frames of a source that runs at exactly the
/// limit are slightly early as often as they are late.
const TOLERANCE_DIVISOR: u64 = 4;
/// The source's frame interval is the mean over about this many frames.
const MEAN_FRAMES: u64 = 8;

/// The limit that decides which frames pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Maximum average frame rate; 0/1 means no limit.
    Rate(gst::Fraction),
    /// Maximum time from one frame to the next, with as few frames as possible. It is exceeded only if the
    /// source is slower. An average rate can't guarantee this: if the source's frames do not fall on its
    /// grid, some intervals are a whole frame longer than the average.
    Gap(ClockTime),
}

impl Limit {
    /// The frame rate that the limit allows; 0/1 if there is no limit.
    pub fn rate(self) -> gst::Fraction {
        match self {
            Self::Rate(rate) => rate,
            Self::Gap(gap) if gap.is_zero() => gst::Fraction::new(0, 1),
            Self::Gap(gap) => gst::Fraction::approximate_f64(
                ClockTime::SECOND.nseconds() as f64 / gap.nseconds() as f64,
            )
            .unwrap_or(gst::Fraction::new(0, 1)),
        }
    }
}

/// Applies a [`Limit`] to each frame.
#[derive(Debug)]
pub struct RateLimit(Kind);

#[derive(Debug)]
enum Kind {
    None,
    Average {
        interval: ClockTime,
        due: Option<ClockTime>,
    },
    Gap {
        gap: ClockTime,
        admitted: Option<ClockTime>,
        /// Time of the previous frame.
        previous: Option<ClockTime>,
        /// Mean frame interval of the source.
        interval: Option<ClockTime>,
    },
}

impl RateLimit {
    pub fn new(limit: Limit) -> Self {
        Self(match limit {
            Limit::Rate(rate) if rate.numer() > 0 && rate.denom() > 0 => Kind::Average {
                // Both are positive, and their product fits: i32::MAX s is 2^61 ns.
                interval: ClockTime::SECOND * rate.denom() as u64 / rate.numer() as u64,
                due: None,
            },
            Limit::Rate(_) => Kind::None,
            Limit::Gap(gap) => Kind::Gap {
                gap,
                admitted: None,
                previous: None,
                interval: None,
            },
        })
    }

    /// Whether to send the frame with this timestamp.
    pub fn admit(&mut self, time: ClockTime) -> bool {
        match &mut self.0 {
            Kind::None => true,
            Kind::Average { interval, due } => admit_average(*interval, due, time),
            Kind::Gap {
                gap,
                admitted,
                previous,
                interval,
            } => {
                // `None` if the clock was set back.
                let since = |then: &mut Option<ClockTime>| time.checked_sub((*then)?);
                if let Some(step) = since(previous) {
                    // A pause of the source must not count as a long interval.
                    let step = step.min(*gap);
                    let mean = interval.get_or_insert(step);
                    *mean = (*mean * (MEAN_FRAMES - 1) + step) / MEAN_FRAMES;
                }
                *previous = Some(time);
                // The frame passes if the next one would be too late. Until the interval is known, all pass.
                let admit = match (since(admitted), *interval) {
                    (Some(since), Some(interval)) => since + interval > *gap,
                    _ => true,
                };
                if admit {
                    *admitted = Some(time);
                }
                admit
            }
        }
    }
}

fn admit_average(interval: ClockTime, due: &mut Option<ClockTime>, time: ClockTime) -> bool {
    let Some(was_due) = *due else {
        *due = Some(time + interval);
        return true;
    };
    // The frame is more than two intervals early: the clock was set back.
    let set_back = time + interval * 2 < was_due;
    if time + interval / TOLERANCE_DIVISOR < was_due && !set_back {
        return false;
    }
    // Counting from the due time keeps the average. After a pause the count restarts from now.
    let restart = set_back || time > was_due + interval;
    *due = Some(if restart { time } else { was_due } + interval);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The timestamps, in ms, that pass. The source's frames are alternately late and early by `jitter` ns.
    fn admitted(limit: Limit, source_fps: u64, frames: u64, jitter: i64) -> Vec<u64> {
        let mut limit = RateLimit::new(limit);
        (0..frames)
            .map(|n| {
                let time = (n * 1_000_000_000 / source_fps + 1_000_000_000) as i64;
                let time = time + if n % 2 == 0 { jitter } else { -jitter };
                ClockTime::from_nseconds(time as u64)
            })
            .filter(|time| limit.admit(*time))
            .map(|time| time.mseconds())
            .collect()
    }

    fn rate(numer: i32, denom: i32) -> Limit {
        Limit::Rate(gst::Fraction::new(numer, denom))
    }

    #[test]
    fn the_average_rate_is_kept() {
        let count = |limit, fps, frames, jitter| admitted(limit, fps, frames, jitter).len() as u64;
        assert_eq!(count(rate(0, 1), 30, 300, 0), 300);
        assert_eq!(count(rate(30, 1), 30, 300, 3_000_000), 300);
        assert_eq!(count(rate(60, 1), 30, 300, 0), 300);
        for (limit, source, expected) in [
            (rate(6, 1), 30, 60),
            (rate(12, 1), 30, 120),
            (rate(12, 1), 25, 120),
            (rate(1, 2), 30, 5),
        ] {
            let count = count(limit, source, source * 10, 2_000_000);
            assert!(
                count.abs_diff(expected) <= 1,
                "{limit:?} of {source}: {count}"
            );
        }
    }

    #[test]
    fn no_gap_is_longer_than_the_limit() {
        for (gap, source, jitter, max_frames) in [
            (150, 30, 0, 75),
            (150, 30, 3, 90),
            (150, 25, 0, 84),
            (150, 15, 0, 76),
            (300, 30, 5, 42),
            (250, 30, 0, 44),
            (85, 60, 2, 130),
            (1_000, 7, 10, 13),
            // The source is slower than the limit: all frames pass.
            (150, 5, 10, 50),
        ] {
            let limit = Limit::Gap(ClockTime::from_mseconds(gap));
            let times = admitted(limit, source, source * 10, jitter * 1_000_000);
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
            let allowed = gap.max(1_000 / source) + 2 * jitter as u64 + 1;
            assert!(
                longest <= Some(allowed),
                "{gap} ms of {source}/s: {longest:?}"
            );
            assert!(
                times.len() <= max_frames,
                "{gap} ms of {source}/s: {} frames",
                times.len()
            );
        }
        assert_eq!(
            Limit::Gap(ClockTime::from_mseconds(150)).rate(),
            gst::Fraction::new(20, 3)
        );
    }

    #[test]
    fn a_pause_does_not_change_the_rate() {
        let mut limit = RateLimit::new(Limit::Gap(ClockTime::from_mseconds(150)));
        let mut admit = |ms| limit.admit(ClockTime::from_mseconds(ms));
        let before = (0..30).filter(|n| admit(n * 33)).count();
        assert!(admit(60_000));
        let after = (0..30).filter(|n| admit(60_033 + n * 33)).count();
        assert!(after <= before + 1, "{before}, then {after}");
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_frames() {
        for limit in [rate(2, 1), Limit::Gap(ClockTime::from_mseconds(500))] {
            let mut limit = RateLimit::new(limit);
            assert!(limit.admit(ClockTime::from_seconds(100)));
            assert!(!limit.admit(ClockTime::from_mseconds(100_100)));
            assert!(limit.admit(ClockTime::from_seconds(1)));
            assert!(!limit.admit(ClockTime::from_mseconds(1_100)));
            assert!(limit.admit(ClockTime::from_mseconds(1_500)));
        }
    }
}
