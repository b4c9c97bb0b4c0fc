// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Sums of a whole run and of the last hour. Nothing here reads the clock: the caller passes the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
/// Amounts of the same second are kept as one, so that an hour of them takes a bounded memory.
const GRAIN: Duration = Duration::from_secs(1);

/// What a sum is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Run,
    /// The last hour, until now.
    Hour,
}

/// A sum of amounts.
#[derive(Debug, Default)]
pub struct Tally {
    total: u64,
    /// The amounts of the last hour: since when, and how much.
    recent: VecDeque<(Instant, u64)>,
    recent_sum: u64,
}

impl Tally {
    pub fn add(&mut self, now: Instant, amount: u64) {
        self.total = self.total.saturating_add(amount);
        self.recent_sum = self.recent_sum.saturating_add(amount);
        match self.recent.back_mut() {
            Some((since, sum)) if now.saturating_duration_since(*since) < GRAIN => {
                *sum = sum.saturating_add(amount);
            }
            _ => self.recent.push_back((now, amount)),
        }
        self.forget(now);
    }

    pub fn sum(&mut self, span: Span, now: Instant) -> u64 {
        match span {
            Span::Run => self.total,
            Span::Hour => {
                self.forget(now);
                self.recent_sum
            }
        }
    }

    /// Forgets what is older than an hour, all of it.
    fn forget(&mut self, now: Instant) {
        while let Some((since, sum)) = self.recent.front()
            && now.saturating_duration_since(*since) >= HOUR + GRAIN
        {
            self.recent_sum = self.recent_sum.saturating_sub(*sum);
            self.recent.pop_front();
        }
    }
}

/// For how long streams existed.
#[derive(Debug, Default)]
pub struct StreamTime {
    /// The streams that have ended, over the run.
    ended: Duration,
    /// Those of the last hour: their beginnings and ends.
    recent: VecDeque<(Instant, Instant)>,
    /// The beginnings of the streams that exist.
    running: Vec<Instant>,
}

impl StreamTime {
    pub fn begin(&mut self, now: Instant) {
        self.running.push(now);
    }

    /// A stream that began then has ended.
    pub fn end(&mut self, began: Instant, now: Instant) {
        let Some(index) = self.running.iter().position(|running| *running == began) else {
            return;
        };
        self.running.swap_remove(index);
        self.ended += now.saturating_duration_since(began);
        self.recent.push_back((began, now));
        self.forget(now);
    }

    /// How many streams exist.
    pub fn running(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    pub fn sum(&mut self, span: Span, now: Instant) -> Duration {
        let running = self.running.iter().map(|began| (*began, now));
        match span {
            Span::Run => {
                let running = running.map(|(began, now)| now.saturating_duration_since(began));
                self.ended + running.sum::<Duration>()
            }
            Span::Hour => {
                let all = self.recent.iter().copied().chain(running);
                let sum = all.map(|(began, end)| {
                    let before = now.saturating_duration_since(began).min(HOUR);
                    before.saturating_sub(now.saturating_duration_since(end))
                });
                let sum = sum.sum();
                self.forget(now);
                sum
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |(_, end): &(Instant, Instant)| now.saturating_duration_since(*end) >= HOUR;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_hour_slides() {
        let start = Instant::now();
        let mut tally = Tally::default();
        for second in 0..7200 {
            tally.add(start + SECONDS(second), 2);
        }
        let now = start + SECONDS(7200);
        assert_eq!(tally.sum(Span::Run, now), 14_400);
        let hour = tally.sum(Span::Hour, now);
        assert!((7200..=7204).contains(&hour), "{hour}");
        assert!(tally.recent.len() <= 3602, "{}", tally.recent.len());
        let later = tally.sum(Span::Hour, now + SECONDS(1800));
        assert!((3600..=3604).contains(&later), "{later}");
        assert_eq!(tally.sum(Span::Hour, now + SECONDS(3601)), 0);
        assert_eq!(tally.sum(Span::Run, now + SECONDS(3601)), 14_400);
    }

    #[test]
    fn amounts_of_one_second_are_kept_as_one_and_not_forgotten_early() {
        let start = Instant::now();
        let mut tally = Tally::default();
        for part in 0..100 {
            tally.add(start + Duration::from_millis(part * 9), 1);
        }
        assert_eq!(tally.recent.len(), 1);
        let end = start + Duration::from_millis(899) + HOUR;
        assert_eq!(tally.sum(Span::Hour, end), 100);
        assert_eq!(tally.sum(Span::Hour, start + HOUR + GRAIN), 0);
        tally.add(end, u64::MAX);
        tally.add(end, u64::MAX);
        assert_eq!(tally.sum(Span::Run, end), u64::MAX);
    }

    #[test]
    fn streams_are_timed_also_while_they_exist() {
        let start = Instant::now();
        let at = |seconds| start + SECONDS(seconds);
        let mut time = StreamTime::default();
        time.begin(start);
        assert_eq!(time.sum(Span::Run, at(100)), SECONDS(100));
        time.end(start, at(200));
        // Not again.
        time.end(start, at(300));
        assert_eq!(time.sum(Span::Run, at(300)), SECONDS(200));
        time.begin(at(1000));
        assert_eq!(time.running(), 1);
        assert_eq!(time.sum(Span::Hour, at(1100)), SECONDS(300));
        // Half of the first stream has left the hour.
        assert_eq!(time.sum(Span::Hour, at(3700)), SECONDS(2700 + 100));
        assert_eq!(time.sum(Span::Run, at(3700)), SECONDS(2700 + 200));
        time.end(at(1000), at(4000));
        assert_eq!(time.sum(Span::Hour, at(5600)), SECONDS(2000));
        assert_eq!(time.sum(Span::Hour, at(7600)), SECONDS(0));
        assert!(time.recent.is_empty());
        assert_eq!(time.sum(Span::Run, at(7600)), SECONDS(3200));
    }
}
