// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What API v0.2 says that a stream was charged: `cost_cents` and `seconds_charged` with each renewal.
//!
//! The protocol does not say whether they count from the stream's beginning or from the renewal before. The
//! seconds show it, as the time that has passed is known.

use std::time::{Duration, Instant};

use crate::session::protocol::LeaseRenewal;

const MICROCENTS_PER_CENT: f64 = 1e6;
/// Higher charges of one stream count as this one: 10 million dollars.
const MAX_MICROCENTS: f64 = 1e15;

/// The charges of one stream.
#[derive(Debug)]
pub struct StreamCharges {
    began: Instant,
    /// The sum so far, in microcents.
    reported: u64,
    /// When the service last reported it.
    reported_at: Option<Instant>,
}

impl StreamCharges {
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            reported: 0,
            reported_at: None,
        }
    }

    pub fn began(&self) -> Instant {
        self.began
    }

    /// Takes what a renewal says. Returns the microcents that are new; `None` if it says nothing about the cost.
    pub fn take(&mut self, renewed: &LeaseRenewal, now: Instant) -> Option<u64> {
        let cents = renewed.cost_cents.filter(|cents| *cents >= 0.0)?;
        let cost = (cents * MICROCENTS_PER_CENT).min(MAX_MICROCENTS).round() as u64;
        let sum = match self.counts_from_last(renewed.seconds_charged, now) {
            true => self.reported.saturating_add(cost),
            // A sum never gets less.
            false => self.reported.max(cost),
        };
        let new = sum - self.reported;
        self.reported = sum;
        self.reported_at = Some(now);
        Some(new)
    }

    /// Whether the charge counts from the renewal before: its seconds are nearer to the time since then than to
    /// the stream's age. Without seconds it counts as the stream's sum.
    fn counts_from_last(&self, seconds: Option<f64>, now: Instant) -> bool {
        let Some((seconds, last)) = seconds.zip(self.reported_at) else {
            return false;
        };
        let off = |since: Instant| {
            let passed = now.saturating_duration_since(since).as_secs_f64();
            (passed - seconds).abs()
        };
        off(last) < off(self.began)
    }

    /// Microcents for each second, by what was reported.
    pub fn rate(&self) -> Option<f64> {
        let lived = self.reported_at?.saturating_duration_since(self.began);
        let rate = self.reported as f64 / lived.as_secs_f64();
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// What the time since the last renewal costs at that rate, in microcents.
    pub fn unreported(&self, now: Instant) -> u64 {
        let since = self.reported_at.map(|at| now.saturating_duration_since(at));
        (self.rate().unwrap_or(0.0) * since.unwrap_or(Duration::ZERO).as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewal(cents: Option<f64>, seconds: Option<f64>) -> LeaseRenewal {
        LeaseRenewal {
            cost_cents: cents,
            seconds_charged: seconds,
            ..LeaseRenewal::default()
        }
    }

    /// What is new with each renewal. A row: when it comes, its cents and seconds.
    fn new_costs(rows: &[(u64, Option<f64>, Option<f64>)]) -> Vec<Option<u64>> {
        let start = Instant::now();
        let mut charges = StreamCharges::new(start);
        let rows = rows.iter().map(|(at, cents, seconds)| {
            let now = start + Duration::from_secs(*at);
            charges.take(&renewal(*cents, *seconds), now)
        });
        rows.collect()
    }

    #[test]
    fn nothing_is_counted_twice() {
        let some = |cost: u64| Some(cost * 1_000_000);
        // The stream's sum.
        assert_eq!(
            new_costs(&[
                (15, Some(3.0), Some(15.0)),
                (30, Some(6.0), Some(30.0)),
                (45, Some(9.0), Some(45.0))
            ]),
            [some(3); 3]
        );
        // Since the renewal before, which was late once.
        assert_eq!(
            new_costs(&[
                (15, Some(3.0), Some(15.0)),
                (35, Some(4.0), Some(20.0)),
                (50, Some(3.0), Some(15.0))
            ]),
            [some(3), some(4), some(3)]
        );
        // Without seconds; the second one was sent before the first one.
        assert_eq!(
            new_costs(&[
                (15, Some(3.0), None),
                (16, Some(2.0), None),
                (30, Some(6.0), None)
            ]),
            [some(3), some(0), some(3)]
        );
        assert_eq!(
            new_costs(&[
                (15, None, Some(15.0)),
                (30, Some(-1.0), None),
                (45, Some(1e300), None)
            ]),
            [None, None, Some(1_000_000_000_000_000)]
        );
    }

    #[test]
    fn the_time_since_the_last_renewal_costs_as_much_as_before() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut charges = StreamCharges::new(start);
        assert_eq!((charges.rate(), charges.unreported(at(5))), (None, 0));
        charges.take(&renewal(Some(2.0), None), at(10));
        assert_eq!(charges.rate(), Some(200_000.0));
        assert_eq!(charges.unreported(at(15)), 1_000_000);
        assert_eq!(charges.unreported(at(16)), 1_200_000);
    }
}
