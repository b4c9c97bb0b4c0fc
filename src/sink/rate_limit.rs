//! Drop-only rate limit: lets frames through at most at a given rate, and changes none.

use gst::ClockTime;

/// Frames of a source that runs at exactly the limit come a little early as often as late; this
/// part of the interval is forgiven.
const TOLERANCE: u64 = 4;

/// Decides frame by frame.
#[derive(Debug, Default)]
pub struct RateLimit {
    /// Least time from one frame to the next, on average; `None` lets everything through.
    interval: Option<ClockTime>,
    due: Option<ClockTime>,
}

impl RateLimit {
    /// `rate` in frames a second; 0/1 is no limit.
    pub fn new(rate: gst::Fraction) -> Self {
        let interval = (rate.numer() > 0 && rate.denom() > 0).then(|| {
            // Both are positive, and their product fits: i32::MAX s is 2^61 ns.
            ClockTime::SECOND * rate.denom() as u64 / rate.numer() as u64
        });
        Self {
            interval,
            due: None,
        }
    }

    /// Whether the frame of this time is to be sent.
    pub fn admit(&mut self, time: ClockTime) -> bool {
        let Some(interval) = self.interval else {
            return true;
        };
        let Some(due) = self.due else {
            self.due = Some(time + interval);
            return true;
        };
        // More than two intervals ahead of time: the clock was set back.
        let set_back = time + interval * 2 < due;
        if time + interval / TOLERANCE < due && !set_back {
            return false;
        }
        // From when it was due, so that the average holds; from now after a gap.
        let behind = set_back || time > due + interval;
        self.due = Some(if behind { time } else { due } + interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limit: (i32, i32), source_fps: u64, frames: u64, jitter: i64) -> u64 {
        let mut limit = RateLimit::new(gst::Fraction::new(limit.0, limit.1));
        (0..frames)
            .filter(|n| {
                let time = (n * 1_000_000_000 / source_fps + 1_000_000_000) as i64;
                let time = time + if n % 2 == 0 { jitter } else { -jitter };
                limit.admit(ClockTime::from_nseconds(time as u64))
            })
            .count() as u64
    }

    #[test]
    fn the_average_holds() {
        assert_eq!(admitted((0, 1), 30, 300, 0), 300);
        assert_eq!(admitted((30, 1), 30, 300, 3_000_000), 300);
        assert_eq!(admitted((60, 1), 30, 300, 0), 300);
        for (limit, source, expected) in [
            ((6, 1), 30, 60),
            ((12, 1), 30, 120),
            ((12, 1), 25, 120 * 12 / 12),
            ((1, 2), 30, 5),
        ] {
            let frames = source * 10;
            let count = admitted(limit, source, frames, 2_000_000);
            assert!(
                count.abs_diff(expected) <= 1,
                "{limit:?} of {source}: {count}"
            );
        }
    }

    #[test]
    fn a_clock_set_back_does_not_stop_it() {
        let mut limit = RateLimit::new(gst::Fraction::new(2, 1));
        assert!(limit.admit(ClockTime::from_seconds(100)));
        assert!(!limit.admit(ClockTime::from_mseconds(100_100)));
        assert!(limit.admit(ClockTime::from_seconds(1)));
        assert!(!limit.admit(ClockTime::from_mseconds(1_100)));
        assert!(limit.admit(ClockTime::from_mseconds(1_500)));
    }
}
