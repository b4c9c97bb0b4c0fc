// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The timestamps of the frames that are sent: they become RTP time. They keep the source's distances, also of frames
//! that are older than the connection, and they follow the clock of the chain: the application may use another clock,
//! and seeks and pauses move its running time.

use std::time::Instant;

use gst::ClockTime;

/// No video has a shorter frame interval: a smaller step is not a timestamp. Receivers know frames by their RTP time,
/// so this is also the smallest step that is sent.
pub const MIN_STEP: ClockTime = ClockTime::MSECOND;
/// If the clocks differ by more than this, the source has paused, or was set to another time.
const MAX_DRIFT: ClockTime = ClockTime::from_mseconds(100);
/// A smaller difference is corrected by this part of it for each frame.
const DRIFT_DIVISOR: u64 = 16;
/// No source keeps a frame longer before it arrives here.
const MAX_AGE: ClockTime = ClockTime::from_seconds(3600);

/// When a frame arrived, and when it was captured.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Instant,
    /// Its timestamp in the application's running time.
    pub running_time: Option<ClockTime>,
    /// The time from its capture to its arrival.
    pub age: ClockTime,
}

impl Arrival {
    /// A frame that arrives now. `running_time` is its timestamp, and `now` the current running time. `previous` is the
    /// frame before it.
    pub fn new(
        running_time: Option<ClockTime>,
        now: Option<ClockTime>,
        previous: Option<&Self>,
    ) -> Self {
        let step = previous.map(|previous| (previous, step(previous.running_time, running_time)));
        let age = match step {
            // The timestamps do not advance, so they do not say how old this frame is.
            Some((previous, None)) => previous.age,
            _ => now
                .zip(running_time)
                .and_then(|(now, time)| now.checked_sub(time))
                .unwrap_or_default(),
        };
        Self {
            at: Instant::now(),
            running_time,
            age: age.min(MAX_AGE),
        }
    }
}

/// The time from one frame to the next by their running times. `None` if they are not timestamps.
fn step(before: Option<ClockTime>, time: Option<ClockTime>) -> Option<ClockTime> {
    let step = time?.checked_sub(before?)?;
    (step >= MIN_STEP).then_some(step)
}

#[derive(Debug, Clone, Copy)]
struct Stamped {
    running_time: Option<ClockTime>,
    arrived: ClockTime,
    pts: ClockTime,
}

/// The timestamps of one connection.
#[derive(Debug, Default)]
pub struct Timeline {
    last: Option<Stamped>,
}

impl Timeline {
    /// The timestamp of a frame, on the clock of the chain. `arrived`: its arrival on that clock.
    pub fn stamp(&mut self, frame: &Arrival, arrived: ClockTime) -> ClockTime {
        let captured = arrived.saturating_sub(frame.age);
        let pts = match self.last {
            None => captured,
            Some(last) => {
                let pts = match step(last.running_time, frame.running_time) {
                    Some(step) => correct_drift(last.pts.saturating_add(step), captured),
                    None => last.pts + arrived.saturating_sub(last.arrived),
                };
                // A frame was captured before it arrived.
                pts.min(arrived).max(last.pts + MIN_STEP)
            }
        };
        self.last = Some(Stamped {
            running_time: frame.running_time,
            arrived,
            pts,
        });
        pts
    }

    /// The timestamp with which the last frame is sent once more: it shows the same moment.
    pub fn stamp_again(&mut self) -> Option<ClockTime> {
        let last = self.last.as_mut()?;
        last.pts += MIN_STEP;
        Some(last.pts)
    }
}

/// Moves `pts` towards the time of capture.
fn correct_drift(pts: ClockTime, captured: ClockTime) -> ClockTime {
    if captured > pts + MAX_DRIFT {
        captured
    } else if pts > captured + MAX_DRIFT {
        // Going back would put the frames together.
        pts
    } else {
        (pts * (DRIFT_DIVISOR - 1) + captured) / DRIFT_DIVISOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    fn arrival(running_time: u64, age: u64) -> Arrival {
        Arrival {
            at: Instant::now(),
            running_time: Some(ms(running_time)),
            age: ms(age),
        }
    }

    /// The timestamps of frames (running time, age, arrival), in ms.
    fn stamps(frames: &[(u64, u64, u64)]) -> Vec<u64> {
        let mut timeline = Timeline::default();
        let mut stamp = |(running, age, arrived): &(u64, u64, u64)| {
            timeline
                .stamp(&arrival(*running, *age), ms(*arrived))
                .mseconds()
        };
        frames.iter().map(&mut stamp).collect()
    }

    #[test]
    fn the_sources_distances_are_kept() {
        // Each frame is 2 s old, and the arrival jitters. The first one arrived before the others, in a burst.
        let frames = [
            (8_000, 2_000, 9_000),
            (8_040, 1_970, 9_010),
            (8_080, 2_060, 9_140),
        ];
        assert_eq!(stamps(&frames), [7_000, 7_040, 7_080]);
        // After a pause of a minute the clocks are compared again.
        assert_eq!(stamps(&[(0, 5, 1_000), (40, 5, 61_040)]), [995, 61_035]);
    }

    #[test]
    fn timestamps_that_do_not_advance_are_replaced_by_the_arrival() {
        let constant = [(0, 0, 1_000), (0, 0, 1_040), (0, 0, 1_090)];
        assert_eq!(stamps(&constant), [1_000, 1_040, 1_090]);
        // A seek back.
        let back = [(9_000, 10, 1_000), (0, 10, 1_500), (40, 10, 1_540)];
        assert_eq!(stamps(&back), [990, 1_490, 1_530]);
    }

    #[test]
    fn no_frame_is_sent_before_it_arrives_or_twice() {
        let fast = [(0, 0, 1_000), (66, 0, 1_033), (132, 0, 1_066)];
        assert_eq!(stamps(&fast), [1_000, 1_033, 1_066]);
        let together = [(0, 0, 1_000), (40, 0, 1_000), (80, 0, 1_000)];
        assert_eq!(stamps(&together), [1_000, 1_001, 1_002]);
        // The age was not known at first.
        let late = [(0, 0, 9_000), (40, 2_000, 9_040), (80, 2_000, 9_080)];
        assert_eq!(stamps(&late), [9_000, 9_040, 9_080]);
    }

    #[test]
    fn the_last_frame_can_be_stamped_again() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.stamp_again(), None);
        timeline.stamp(&arrival(0, 0), ms(1_000));
        assert_eq!(timeline.stamp_again(), Some(ms(1_001)));
        assert_eq!(
            timeline.stamp(&arrival(500, 0), ms(1_500)).mseconds(),
            1_500
        );
    }

    #[test]
    fn the_age_of_a_frame_is_bounded_and_needs_a_timestamp_that_advances() {
        let first = Arrival::new(Some(ms(100)), Some(ms(2_100)), None);
        assert_eq!(first.age, ms(2_000));
        let next = Arrival::new(Some(ms(140)), Some(ms(2_190)), Some(&first));
        assert_eq!(next.age, ms(2_050));
        let constant = Arrival::new(Some(ms(140)), Some(ms(9_000)), Some(&next));
        assert_eq!(constant.age, ms(2_050));
        let unknown = Arrival::new(Some(ms(180)), None, Some(&constant));
        assert_eq!(unknown.age, ms(0));
        let early = Arrival::new(Some(ms(9_000)), Some(ms(100)), None);
        assert_eq!(early.age, ms(0));
        let old = Arrival::new(Some(ms(0)), Some(ClockTime::from_seconds(1 << 33)), None);
        assert_eq!(old.age, MAX_AGE);
    }
}
