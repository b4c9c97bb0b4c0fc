// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The arrivals of frames: how old the newest one was, and when the frame of a running time was captured.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::ClockTime;

use super::timeline::Arrival;

/// Runs that are kept: each seek, pause or set clock begins a new one.
const MAX_RUNS: usize = 256;
/// Running time and clock may differ by this much within a run.
const MAX_DRIFT: Duration = Duration::from_millis(10);

/// Frames whose running times advance with the clock.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: ClockTime,
    to: ClockTime,
    /// When the first of them was captured.
    captured: Instant,
}

impl Run {
    fn captured_at(&self, time: ClockTime) -> Instant {
        self.captured + Duration::from(time.saturating_sub(self.from))
    }

    /// How far a running time is outside.
    fn distance(&self, time: ClockTime) -> ClockTime {
        self.from
            .saturating_sub(time)
            .max(time.saturating_sub(self.to))
    }
}

#[derive(Debug, Default)]
pub struct Arrivals {
    newest: Option<Arrival>,
    /// The oldest first.
    runs: VecDeque<Run>,
}

impl Arrivals {
    /// Adds a frame that arrives now. `running_time` is its timestamp, and `now` the current running time.
    pub fn add(&mut self, running_time: Option<ClockTime>, now: Option<ClockTime>) -> Arrival {
        let arrival = Arrival::new(running_time, now, self.newest.as_ref());
        self.newest = Some(arrival);
        let captured = arrival.at.checked_sub(arrival.age.into());
        if let Some((time, captured)) = arrival.running_time.zip(captured) {
            self.note(time, captured);
        }
        arrival
    }

    fn note(&mut self, time: ClockTime, captured: Instant) {
        if let Some(run) = self.runs.back_mut()
            && time >= run.to
        {
            let expected = run.captured_at(time);
            let drift = captured
                .saturating_duration_since(expected)
                .max(expected.saturating_duration_since(captured));
            if drift <= MAX_DRIFT {
                run.to = time;
                return;
            }
        }
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run {
            from: time,
            to: time,
            captured,
        });
    }

    /// How old the newest frame was on arrival.
    pub fn age(&self) -> ClockTime {
        self.newest.map_or(ClockTime::ZERO, |newest| newest.age)
    }

    /// When the frame with the running time next to this one was captured, and how far that is from it. Of several, as
    /// after a seek back, the newest counts.
    pub fn captured_at(&self, time: ClockTime) -> Option<(Instant, ClockTime)> {
        let nearest = self
            .runs
            .iter()
            .rev()
            .min_by_key(|run| run.distance(time))?;
        let captured = nearest.captured_at(time.clamp(nearest.from, nearest.to));
        Some((captured, nearest.distance(time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    #[test]
    fn a_running_time_has_a_time_of_capture() {
        let (mut arrivals, start) = (Arrivals::default(), Instant::now());
        assert_eq!(arrivals.captured_at(ms(0)), None);
        let at = |ms| start + Duration::from_millis(ms);
        for n in 0..100 {
            arrivals.note(ms(1_000 + n * 40), at(n * 40 + n % 3));
        }
        // A pause of 2 s.
        arrivals.note(ms(5_000), at(6_000));
        assert_eq!(arrivals.runs.len(), 2);
        for (time, captured, distance) in [
            (1_000, 0, 0),
            (2_020, 1_020, 0),
            (0, 0, 1_000),
            (5_000, 6_000, 0),
            (4_990, 6_000, 10),
            (4_965, 3_960, 5),
            (9_000, 6_000, 4_000),
        ] {
            let found = arrivals.captured_at(ms(time));
            assert_eq!(found, Some((at(captured), ms(distance))), "{time}");
        }
        // After a seek back, the newest frames of that time count.
        arrivals.note(ms(1_000), at(10_000));
        arrivals.note(ms(1_040), at(10_040));
        assert_eq!(arrivals.captured_at(ms(1_020)), Some((at(10_020), ms(0))));
        // Timestamps that do not advance take no memory.
        for n in 0..1_000 {
            arrivals.note(ms(1_040), at(20_000 + n * 40));
        }
        assert_eq!(arrivals.runs.len(), MAX_RUNS);
    }
}
