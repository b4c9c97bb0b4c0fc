// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When the last answer has arrived. The service does not say; the drain estimates it from the pace of the answers.

use std::time::{Duration, Instant};

/// Extra time allowed for the network.
const NETWORK_MARGIN: Duration = Duration::from_millis(250);

/// The wait for the last answers, after the last frame was sent.
#[derive(Debug)]
pub struct Drain {
    last_frame: Instant,
    /// Time from one answer to the next.
    interval: Duration,
    /// The wait ends at this time at the latest.
    end: Instant,
    pace: AnswerPace,
}

/// The pace of the answers so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerPace {
    /// When the newest answer arrived.
    newest_arrival: Option<Instant>,
    /// The longest recent latency: each new answer reduces the old value by a quarter.
    slowest_latency: Duration,
    /// Capture time of the newest video that was analysed.
    analysed_until: Option<Instant>,
    /// When the newest frame of it arrived, which was sent later if it waited.
    seen_until: Option<Instant>,
}

impl AnswerPace {
    /// Adds an answer. `latency` is the service's `total_latency_ms`.
    pub fn add_answer(&mut self, arrived: Instant, latency: Option<Duration>) {
        self.newest_arrival = Some(arrived);
        if let Some(latency) = latency {
            self.slowest_latency = (self.slowest_latency * 3 / 4).max(latency);
            self.analysed_until = arrived.checked_sub(latency);
        }
    }

    /// The newest answer shows frames that arrived up to this time.
    pub fn add_seen(&mut self, until: Instant) {
        self.seen_until = self.seen_until.max(Some(until));
    }

    /// Whether frames that arrived at this time were analysed.
    pub fn has_seen(&self, time: Instant) -> bool {
        self.seen_until >= Some(time)
    }
}

impl Drain {
    pub fn new(last_frame: Instant, interval: Duration, bound: Duration, pace: AnswerPace) -> Self {
        Self {
            last_frame,
            interval,
            end: last_frame + bound,
            pace,
        }
    }

    pub fn add_answer(&mut self, arrived: Instant, latency: Option<Duration>) {
        self.pace.add_answer(arrived, latency);
    }

    /// When the wait ends, unless another answer arrives before. Before the first answer only the bound counts.
    /// After it, the stream is drained once an answer was about a time more than one interval after the last frame,
    /// or once the next answer is overdue.
    pub fn deadline(&self) -> Instant {
        let Some(newest_arrival) = self.pace.newest_arrival else {
            return self.end;
        };
        if self
            .pace
            .analysed_until
            .is_some_and(|time| time > self.last_frame + self.interval)
        {
            return self.last_frame;
        }
        let overdue = self.interval + self.pace.slowest_latency * 2 + NETWORK_MARGIN;
        (newest_arrival.max(self.last_frame) + overdue).min(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn without_answers_only_the_bound_counts() {
        let now = Instant::now();
        let drain = Drain::new(now, ms(200), ms(5000), AnswerPace::default());
        assert_eq!(drain.deadline(), now + ms(5000));
    }

    #[test]
    fn the_drain_waits_for_the_next_answer_until_it_is_overdue() {
        let now = Instant::now();
        let mut pace = AnswerPace::default();
        pace.add_answer(now - ms(150), Some(ms(300)));
        let mut drain = Drain::new(now, ms(200), ms(5000), pace);
        assert_eq!(drain.deadline(), now + ms(200 + 600 + 250));
        drain.add_answer(now + ms(400), Some(ms(500)));
        assert_eq!(drain.deadline(), now + ms(400 + 200 + 1000 + 250));
        // The bound also limits the wait for a slow model.
        drain.add_answer(now + ms(450), Some(ms(4000)));
        assert_eq!(drain.deadline(), now + ms(5000));
    }

    #[test]
    fn an_answer_about_a_time_after_the_last_frame_ends_the_drain() {
        let now = Instant::now();
        let mut drain = Drain::new(now, ms(200), ms(5000), AnswerPace::default());
        drain.add_answer(now + ms(600), Some(ms(100)));
        assert_eq!(drain.deadline(), now);
    }
}
