//! When which question is asked next. Pure: the clock is the caller's.

use std::time::{Duration, Instant};

use crate::session::protocol::Processing;
use crate::session::question::{Moment, Question};

/// Asked again at the soonest: `delay-seconds=0` asks as fast as answers come.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// A question and when it is due; without a schedule until there is a picture, and after a refusal.
pub struct Asked {
    pub question: Question,
    pub schedule: Option<Schedule>,
    /// The prompt that was asked last, and when the newest frame had been sent.
    pub subject: Option<Subject>,
    /// Whether that was answered.
    pub answered: bool,
}

pub type Subject = (String, Option<Instant>);

/// When a question is asked: at ticks, one request at a time. A slow answer skips ticks.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    /// None while it is being asked.
    due: Option<Instant>,
    tick: Instant,
    failures: u32,
}

impl Schedule {
    /// Of a stream whose first picture came now. A clip is asked about once it is full.
    pub fn new(processing: &Processing, now: Instant) -> Self {
        let interval = Duration::try_from_secs_f64(processing.interval_seconds());
        let first = now + Moment::of(processing).window;
        Self {
            interval: interval.unwrap_or_default().max(SHORTEST_INTERVAL),
            due: Some(first),
            tick: first,
            failures: 0,
        }
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is being asked.
    pub fn asked(&mut self) {
        self.due = None;
    }

    /// It was answered: the next tick that is still to come.
    pub fn answered(&mut self, now: Instant) {
        self.failures = 0;
        self.due = Some(self.next_tick(now));
    }

    /// It was not: at the next tick, and not before the pause that the service asks for. Without one
    /// the pauses grow: 0.5, 1, 2, 4, 8 s. Returns how often it has failed in a row.
    pub fn failed(&mut self, now: Instant, pause: Option<Duration>) -> u32 {
        let own = Duration::from_millis(500 << self.failures.min(4));
        self.failures += 1;
        let not_before = now + pause.unwrap_or(own);
        self.due = Some(self.next_tick(now).max(not_before));
        self.failures
    }

    fn next_tick(&mut self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.tick).as_nanos() / self.interval.as_nanos();
        let ticks = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
        self.tick += self.interval.saturating_mul(ticks);
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn frame(interval_seconds: f64) -> Processing {
        Processing::Frame { interval_seconds }
    }

    #[test]
    fn a_slow_answer_skips_ticks() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&frame(1.0), start);
        assert_eq!(schedule.due(), Some(start));
        schedule.asked();
        assert_eq!(schedule.due(), None);
        schedule.answered(start + MS(300));
        assert_eq!(schedule.due(), Some(start + MS(1000)));
        schedule.asked();
        schedule.answered(start + MS(3400));
        assert_eq!(schedule.due(), Some(start + MS(4000)));
        // An answer just at a tick is followed by the next one.
        schedule.answered(start + MS(5000));
        assert_eq!(schedule.due(), Some(start + MS(6000)));
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&frame(0.1), start);
        let mut now = start;
        let mut waits = Vec::new();
        for nth in 1..=6 {
            assert_eq!(schedule.failed(now, None), nth);
            let due = schedule.due().expect("it is asked again");
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000]);
        schedule.answered(now);
        schedule.failed(now, Some(MS(2500)));
        assert_eq!(schedule.due(), Some(now + MS(2500)));
    }

    #[test]
    fn clips_are_asked_about_once_full_and_zero_is_no_interval() {
        let start = Instant::now();
        let mut schedule = Schedule::new(
            &Processing::Target {
                target_fps: 6,
                clip_length_seconds: 2.0,
                delay_seconds: 0.0,
            },
            start,
        );
        assert_eq!(schedule.due(), Some(start + MS(2000)));
        schedule.answered(start + MS(2010));
        assert_eq!(schedule.due(), Some(start + MS(2100)));
    }
}
