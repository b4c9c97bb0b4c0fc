// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A rate limit that only drops frames. It never changes or repeats one.

use std::time::Instant;

use gst::ClockTime;

use super::frame_clock::FrameClock;

/// A frame may be early by this part of the interval: the frames of a source that runs at exactly the
/// limit are slightly early as often as they are late. And timestamps may be late by as much, compared with the arrival.
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

    /// The longest time from one frame to the next that it allows; 0 if there is no limit.
    pub fn longest_gap(self) -> ClockTime {
        match self {
            Self::Gap(gap) => gap,
            Self::Rate(rate) => interval(rate).unwrap_or(ClockTime::ZERO),
        }
    }
}

/// The time from one frame to the next at this rate; `None` for 0/1.
fn interval(rate: gst::Fraction) -> Option<ClockTime> {
    let [numer, denom] = [rate.numer(), rate.denom()].map(|part| u64::try_from(part).ok());
    // This fits: i32::MAX s is 2^61 ns.
    (ClockTime::SECOND * denom?).checked_div(numer?)
}

/// Applies a [`Limit`] to each frame.
#[derive(Debug)]
pub struct RateLimit {
    kind: Kind,
    clock: FrameClock,
}

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
        let kind = match limit {
            Limit::Rate(rate) => interval(rate).map_or(Kind::None, |interval| Kind::Average {
                interval,
                due: None,
            }),
            Limit::Gap(gap) => Kind::Gap {
                gap,
                admitted: None,
                previous: None,
                interval: None,
            },
        };
        Self {
            kind,
            clock: FrameClock::default(),
        }
    }

    /// Whether to send the frame with this running time that arrived now. All frames pass that are not live and have
    /// no running time: nothing says how far apart they are.
    pub fn admit(&mut self, running_time: Option<ClockTime>, arrived: Instant, live: bool) -> bool {
        let interval = match &self.kind {
            Kind::None => return true,
            _ if running_time.is_none() && !live => return true,
            Kind::Average { interval, .. } => *interval,
            Kind::Gap { gap, .. } => *gap,
        };
        let slack = interval / TOLERANCE_DIVISOR;
        let time = self.clock.advance(running_time, arrived, slack, live);
        match &mut self.kind {
            Kind::None => true,
            Kind::Average { interval, due } => admit_average(*interval, due, time),
            Kind::Gap {
                gap,
                admitted,
                previous,
                interval,
            } => {
                let since = |then: &mut Option<ClockTime>| Some(time.saturating_sub((*then)?));
                if let Some(step) = since(previous) {
                    // A pause of the source must not count as a long interval.
                    let step = step.min(*gap);
                    let mean = interval.get_or_insert(step);
                    *mean = (*mean * (MEAN_FRAMES - 1) + step) / MEAN_FRAMES;
                }
                *previous = Some(time);
                // The frame passes if the next one would be too late. Until the interval is known, all pass.
                let admit = match (since(admitted), *interval) {
                    (Some(since), Some(interval)) => since.saturating_add(interval) > *gap,
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
        *due = Some(time.saturating_add(interval));
        return true;
    };
    if time.saturating_add(interval / TOLERANCE_DIVISOR) < was_due {
        return false;
    }
    // Counting from the due time keeps the average. After a pause the count restarts from now.
    let restart = time > was_due.saturating_add(interval);
    *due = Some(if restart { time } else { was_due }.saturating_add(interval));
    true
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The times of arrival, in ms, of the frames that pass. `stamp` makes the running time of a frame, in ns, from
    /// its time of arrival.
    fn admitted_of(
        limit: Limit,
        source_fps: u64,
        frames: u64,
        stamp: impl Fn(u64) -> Option<u64>,
    ) -> Vec<u64> {
        let (mut limit, start) = (RateLimit::new(limit), Instant::now());
        (0..frames)
            .map(|n| n * 1_000_000_000 / source_fps)
            .filter(|time| {
                let running = stamp(*time).map(ClockTime::from_nseconds);
                limit.admit(running, start + Duration::from_nanos(*time), true)
            })
            .map(|time| time / 1_000_000)
            .collect()
    }

    /// The same with correct running times. The source's frames are alternately late and early by `jitter` ns.
    fn admitted(limit: Limit, source_fps: u64, frames: u64, jitter: i64) -> Vec<u64> {
        let (mut limit, start) = (RateLimit::new(limit), Instant::now());
        (0..frames)
            .map(|n| {
                let time = (n * 1_000_000_000 / source_fps + 1_000_000_000) as i64;
                let time = time + if n % 2 == 0 { jitter } else { -jitter };
                ClockTime::from_nseconds(time as u64)
            })
            .filter(|time| limit.admit(Some(*time), start + Duration::from(*time), true))
            .map(|time| time.mseconds())
            .collect()
    }

    fn rate(numer: i32, denom: i32) -> Limit {
        Limit::Rate(gst::Fraction::new(numer, denom))
    }

    fn gap(ms: u64) -> Limit {
        Limit::Gap(ClockTime::from_mseconds(ms))
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
        for (ms, source, jitter, max_frames) in [
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
            let times = admitted(gap(ms), source, source * 10, jitter * 1_000_000);
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
            let allowed = ms.max(1_000 / source) + 2 * jitter as u64 + 1;
            assert!(
                longest <= Some(allowed),
                "{ms} ms of {source}/s: {longest:?}"
            );
            assert!(
                times.len() <= max_frames,
                "{ms} ms of {source}/s: {} frames",
                times.len()
            );
        }
        assert_eq!(gap(150).rate(), gst::Fraction::new(20, 3));
    }

    /// Whatever the timestamps are, the frames that pass are neither too few nor too many.
    #[test]
    fn wrong_timestamps_neither_stop_the_frames_nor_let_all_pass() {
        type Stamp = (&'static str, fn(u64) -> Option<u64>);
        let stamps: [Stamp; 9] = [
            ("right", Some),
            ("none", |_| None),
            ("always 0", |_| Some(0)),
            ("constant", |_| Some(3_600_000_000_000)),
            ("in ms", |time| Some(time / 1_000_000)),
            ("in ps", |time| Some(time * 1_000)),
            ("half the speed", |time| Some(time / 2)),
            ("double the speed", |time| Some(time * 2)),
            ("backwards", |time| Some(60_000_000_000 - time)),
        ];
        for (name, stamp) in stamps {
            for (limit, interval) in [(gap(150), 150), (rate(6, 1), 167), (gap(1_000), 1_000)] {
                let times = admitted_of(limit, 30, 600, stamp);
                let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
                // The clock may start late by the slack, and the next frame is one frame interval later.
                let allowed = interval + interval / TOLERANCE_DIVISOR + 34;
                assert!(longest <= Some(allowed), "{name}, {limit:?}: {longest:?}");
                // A clock that runs ahead lets a second more pass.
                let most = 21_000 / (interval * 2 / 3) + 2;
                assert!(
                    times.len() as u64 <= most,
                    "{name}, {limit:?}: {} frames",
                    times.len()
                );
            }
        }
    }

    #[test]
    fn a_pause_does_not_change_the_rate() {
        let (mut limit, start) = (RateLimit::new(gap(150)), Instant::now());
        let mut admit = |ms| {
            let arrived = start + Duration::from_millis(ms);
            limit.admit(Some(ClockTime::from_mseconds(ms)), arrived, true)
        };
        let before = (0..30).filter(|n| admit(n * 33)).count();
        assert!(admit(60_000));
        let after = (0..30).filter(|n| admit(60_033 + n * 33)).count();
        assert!(after <= before + 1, "{before}, then {after}");
    }

    /// After a delay, a file's frames come faster than their running time.
    #[test]
    fn a_file_that_catches_up_is_limited_by_its_running_time() {
        let (mut limit, start) = (RateLimit::new(gap(150)), Instant::now());
        let mut admit = |ms, arrival| {
            let arrived = start + Duration::from_millis(arrival);
            limit.admit(Some(ClockTime::from_mseconds(ms)), arrived, false)
        };
        assert!(admit(0, 0));
        let passed = (1..=300).filter(|n| admit(n * 33, 20_000 + n)).count();
        assert!((74..=80).contains(&passed), "{passed}");
    }

    #[test]
    fn frames_of_a_file_without_timestamps_pass() {
        let mut limit = RateLimit::new(gap(150));
        let now = Instant::now();
        assert!((0..30).all(|_| limit.admit(None, now, false)));
    }
}
