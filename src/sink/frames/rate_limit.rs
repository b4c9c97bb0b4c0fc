//! Drop-only rate limit: lets frames through, or not, and changes none.

use gst::ClockTime;

/// Frames of a source that runs at exactly the limit come a little early as often as late; this
/// part of the interval is forgiven.
const TOLERANCE_DIVISOR: u64 = 4;
/// The source's interval is the mean of about this many.
const MEAN_FRAMES: u64 = 8;

/// Which frames pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At most so many a second, on average; 0/1 is no limit.
    Rate(gst::Fraction),
    /// As few as can be so that it is never longer than this from one to the next, as far as the
    /// source allows. An average would not do: where the source's frames do not fall on its grid,
    /// some intervals are a whole frame longer than the average.
    Gap(ClockTime),
}

impl Limit {
    /// Frames a second; 0/1 where that is not limited.
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

/// Decides frame by frame.
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
        /// The frame before, and the source's mean interval.
        before: Option<ClockTime>,
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
                before: None,
                interval: None,
            },
        })
    }

    /// Whether the frame of this time is to be sent.
    pub fn admit(&mut self, time: ClockTime) -> bool {
        match &mut self.0 {
            Kind::None => true,
            Kind::Average { interval, due } => admit_average(*interval, due, time),
            Kind::Gap {
                gap,
                admitted,
                before,
                interval,
            } => {
                // None where the clock was set back.
                let since = |then: &mut Option<ClockTime>| time.checked_sub((*then)?);
                if let Some(step) = since(before) {
                    // A pause of the source is not its interval.
                    let step = step.min(*gap);
                    let mean = interval.get_or_insert(step);
                    *mean = (*mean * (MEAN_FRAMES - 1) + step) / MEAN_FRAMES;
                }
                *before = Some(time);
                // The next frame would come too late. Until it is known when that is, all pass.
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
    // More than two intervals ahead of time: the clock was set back.
    let set_back = time + interval * 2 < was_due;
    if time + interval / TOLERANCE_DIVISOR < was_due && !set_back {
        return false;
    }
    // From when it was due, so that the average holds; from now after a gap.
    let behind = set_back || time > was_due + interval;
    *due = Some(if behind { time } else { was_due } + interval);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times, in ms, that pass of a source whose frames are early and late in turn.
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
    fn the_average_holds() {
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
        for (gap, source, jitter, most) in [
            (150, 30, 0, 75),
            (150, 30, 3, 90),
            (150, 25, 0, 84),
            (150, 15, 0, 76),
            (300, 30, 5, 42),
            (250, 30, 0, 44),
            (85, 60, 2, 130),
            (1_000, 7, 10, 13),
            // Slower than that: all of it.
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
                times.len() <= most,
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
    fn a_source_that_pauses_is_not_forgotten() {
        let mut limit = RateLimit::new(Limit::Gap(ClockTime::from_mseconds(150)));
        let mut admit = |ms| limit.admit(ClockTime::from_mseconds(ms));
        let before = (0..30).filter(|n| admit(n * 33)).count();
        assert!(admit(60_000));
        let after = (0..30).filter(|n| admit(60_033 + n * 33)).count();
        assert!(after <= before + 1, "{before}, then {after}");
    }

    #[test]
    fn a_clock_set_back_does_not_stop_it() {
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
