//! When the last answer has come. The service does not say; it is told from the answers' pace.

use std::time::{Duration, Instant};

/// Margin for the network.
const NETWORK_MARGIN: Duration = Duration::from_millis(250);

/// The wait for the last answers, after the last frame was sent.
#[derive(Debug)]
pub struct Drain {
    last_frame: Instant,
    /// From one answer to the next.
    interval: Duration,
    /// When the wait ends in any case.
    end: Instant,
    pace: AnswerPace,
}

/// What the answers so far show.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerPace {
    newest: Option<Instant>,
    /// The longest latency of late: an old one counts a quarter less with each answer.
    slowest: Duration,
    /// When the newest of what was analysed was captured.
    analysed_to: Option<Instant>,
}

impl AnswerPace {
    /// Takes an answer; `latency` is the service's `total_latency_ms`.
    pub fn answer(&mut self, arrived: Instant, latency: Option<Duration>) {
        self.newest = Some(arrived);
        if let Some(latency) = latency {
            self.slowest = (self.slowest * 3 / 4).max(latency);
            self.analysed_to = arrived.checked_sub(latency);
        }
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

    pub fn answer(&mut self, arrived: Instant, latency: Option<Duration>) {
        self.pace.answer(arrived, latency);
    }

    /// When the wait is over unless another answer comes. Before the first answer only the bound
    /// counts. After that, the stream is drained once an answer was about a time well past the
    /// last frame, or once the next one is overdue.
    pub fn deadline(&self) -> Instant {
        let Some(newest) = self.pace.newest else {
            return self.end;
        };
        if self
            .pace
            .analysed_to
            .is_some_and(|time| time > self.last_frame + self.interval)
        {
            return self.last_frame;
        }
        let overdue = self.interval + self.pace.slowest * 2 + NETWORK_MARGIN;
        (newest.max(self.last_frame) + overdue).min(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn without_answers_only_the_bound_counts() {
        let now = Instant::now();
        let drain = Drain::new(now, MS(200), MS(5000), AnswerPace::default());
        assert_eq!(drain.deadline(), now + MS(5000));
    }

    #[test]
    fn the_next_answer_is_waited_for_until_overdue() {
        let now = Instant::now();
        let mut pace = AnswerPace::default();
        pace.answer(now - MS(150), Some(MS(300)));
        let mut drain = Drain::new(now, MS(200), MS(5000), pace);
        assert_eq!(drain.deadline(), now + MS(200 + 600 + 250));
        drain.answer(now + MS(400), Some(MS(500)));
        assert_eq!(drain.deadline(), now + MS(400 + 200 + 1000 + 250));
        // A slow model is bounded too.
        drain.answer(now + MS(450), Some(MS(4000)));
        assert_eq!(drain.deadline(), now + MS(5000));
    }

    #[test]
    fn a_service_that_repeats_itself_is_done() {
        let now = Instant::now();
        let mut drain = Drain::new(now, MS(200), MS(5000), AnswerPace::default());
        drain.answer(now + MS(600), Some(MS(100)));
        assert_eq!(drain.deadline(), now);
    }
}
