// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! How much later than they arrived frames were sent, because they waited for a stream.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::ClockTime;

/// How many times of sending are remembered. This is more than an answer takes.
const MAX_DELAYS: usize = 256;

/// How much later than they arrived frames were sent.
#[derive(Default)]
pub struct Delays(VecDeque<(Instant, Duration)>);

impl Delays {
    /// A frame is sent now that arrived then.
    pub fn add(&mut self, arrived: Instant) {
        self.add_at(Instant::now(), arrived);
    }

    fn add_at(&mut self, now: Instant, arrived: Instant) {
        if self.0.len() == MAX_DELAYS {
            self.0.pop_front();
        }
        self.0
            .push_back((now, now.saturating_duration_since(arrived)));
    }

    /// The delay of the newest frame that was sent by then.
    pub fn at(&self, then: Instant) -> ClockTime {
        let sent = self.0.iter().rev().find(|(sent, _)| *sent <= then);
        let delay = sent.map_or(Duration::ZERO, |(_, delay)| *delay);
        ClockTime::try_from(delay).unwrap_or(ClockTime::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_delay_of_a_time_is_that_of_the_newest_frame_sent_by_then() {
        let (mut delays, start) = (Delays::default(), Instant::now());
        assert_eq!(delays.at(start), ClockTime::ZERO);
        let at = |time| start + ms(time);
        delays.add_at(at(1_000), at(600));
        delays.add_at(at(1_100), at(720));
        delays.add_at(at(1_200), at(1_200));
        for (time, delay) in [(900, 0), (1_000, 400), (1_150, 380), (9_000, 0)] {
            let expected = ClockTime::from_mseconds(delay);
            assert_eq!(delays.at(at(time)), expected, "{time}");
        }
        for n in 0..1_000 {
            delays.add_at(at(2_000 + n), at(n));
        }
        assert_eq!(delays.0.len(), MAX_DELAYS);
    }
}
