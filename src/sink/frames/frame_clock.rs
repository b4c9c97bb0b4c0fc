// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The clock of the rate limit. It follows the frames' running times, because frames arrive irregularly. Timestamps
//! can be wrong: constant, in another unit, or of another speed. So the clock never differs much from the
//! times of arrival.

use std::time::Instant;

use gst::ClockTime;

/// The clock may be this much ahead of the arrival of live frames: they come in bursts after a hiccup.
const MAX_AHEAD: ClockTime = ClockTime::SECOND;

#[derive(Debug, Default)]
pub struct FrameClock {
    /// When the first frame arrived. The clock shows 0 then.
    first_arrival: Option<Instant>,
    /// The running time of the previous frame.
    running_time: Option<ClockTime>,
    now: ClockTime,
}

impl FrameClock {
    /// Moves the clock to a frame, and returns its time. It never goes back. `slack`: how much it may be behind the
    /// arrival of the frames. Frames that are not live may be ahead by any time: after a delay the source
    /// catches up.
    pub fn advance(
        &mut self,
        running_time: Option<ClockTime>,
        arrived: Instant,
        slack: ClockTime,
        live: bool,
    ) -> ClockTime {
        let first = *self.first_arrival.get_or_insert(arrived);
        let arrival = arrived.saturating_duration_since(first);
        let arrival = ClockTime::try_from(arrival).unwrap_or(ClockTime::MAX);
        let previous = std::mem::replace(&mut self.running_time, running_time);
        let followed = match previous.zip(running_time) {
            // After a seek, or if a clock was set back, the running time is smaller.
            Some((previous, time)) => self.now.saturating_add(time.saturating_sub(previous)),
            None if running_time.is_none() => arrival,
            None => self.now,
        };
        let max = match live {
            true => arrival.saturating_add(MAX_AHEAD),
            false => ClockTime::MAX,
        };
        self.now = followed
            .max(arrival.saturating_sub(slack))
            .min(max)
            .max(self.now);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SLACK: ClockTime = ClockTime::from_mseconds(50);

    /// The clock after each of these pairs: running time and arrival, both in ms.
    fn clock(frames: &[(u64, u64)], live: bool) -> Vec<u64> {
        let (mut clock, start) = (FrameClock::default(), Instant::now());
        let mut advance = |(running, arrival): &(u64, u64)| {
            let running = Some(ClockTime::from_mseconds(*running));
            let arrival = start + Duration::from_millis(*arrival);
            clock.advance(running, arrival, SLACK, live).mseconds()
        };
        frames.iter().map(&mut advance).collect()
    }

    #[test]
    fn it_follows_the_running_time_while_arrivals_jitter() {
        let frames = [(500, 0), (540, 80), (580, 90), (620, 160)];
        assert_eq!(clock(&frames, true), [0, 40, 80, 120]);
    }

    #[test]
    fn it_never_falls_behind_the_arrivals_or_goes_back() {
        let constant = [(0, 0), (0, 40), (0, 80), (0, 120), (0, 1_000)];
        assert_eq!(clock(&constant, true), [0, 0, 30, 70, 950]);
        let set_back = [(9_000, 0), (9_040, 40), (0, 80), (40, 120)];
        assert_eq!(clock(&set_back, true), [0, 40, 40, 80]);
    }

    #[test]
    fn only_live_frames_are_bounded_by_their_arrival() {
        let early = [(0, 0), (33_000, 33), (66_000, 66), (99_000, 99)];
        assert_eq!(clock(&early, true), [0, 1_033, 1_066, 1_099]);
        assert_eq!(clock(&early, false), [0, 33_000, 66_000, 99_000]);
        let huge = [(0, 0), (u64::MAX / 2_000_000, 33), (0, 66)];
        assert_eq!(clock(&huge, true), [0, 1_033, 1_033]);
    }

    #[test]
    fn frames_without_a_timestamp_count_by_arrival() {
        let (mut clock, start) = (FrameClock::default(), Instant::now());
        for ms in [0, 40, 500] {
            let arrived = start + Duration::from_millis(ms);
            let now = clock.advance(None, arrived, SLACK, true);
            assert_eq!(now.mseconds(), ms);
        }
    }
}
