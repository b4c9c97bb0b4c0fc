// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decides when an event begins: when the condition has held for enough answers in a row, and the
//! cool-down since the last event is over.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::{self, Condition};

#[derive(Debug)]
pub struct Trigger {
    condition: Condition,
    answers: u32,
    cool_down: Duration,
    in_a_row: u32,
    fired: Option<Instant>,
}

impl Trigger {
    pub fn new(config: &config::Trigger) -> Self {
        Self {
            condition: config.when.clone(),
            answers: config.answers,
            cool_down: config.cool_down(),
            in_a_row: 0,
            fired: None,
        }
    }

    /// Whether an event begins with this answer. `text`: `None` means that there is no usable answer. `json`: the answer
    /// as JSON, if it is JSON.
    ///
    /// If the condition continues to hold, another event begins after each cool-down.
    pub fn fires(&mut self, text: Option<&str>, json: Option<&Value>, now: Instant) -> bool {
        match text.is_some_and(|text| self.condition.holds(text, json)) {
            true => self.in_a_row = self.in_a_row.saturating_add(1),
            false => self.in_a_row = 0,
        }
        let cool = self
            .fired
            .is_none_or(|fired| now.duration_since(fired) >= self.cool_down);
        let fires = self.in_a_row >= self.answers && cool;
        if fires {
            self.fired = Some(now);
        }
        fires
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The indices of the answers that begin an event. Answers come once a second.
    fn fired(answers: u32, cool_down: u64, alerts: &[Option<bool>]) -> Vec<usize> {
        let mut trigger = Trigger {
            condition: "/alert == true".to_owned().try_into().expect("a condition"),
            answers,
            cool_down: Duration::from_secs(cool_down),
            in_a_row: 0,
            fired: None,
        };
        let start = Instant::now();
        let times = (0..).map(|second| start + Duration::from_secs(second));
        let fires = alerts.iter().zip(times).map(|(alert, now)| {
            let answer = alert.map(|alert| json!({ "alert": alert }));
            trigger.fires(answer.as_ref().map(|_| ""), answer.as_ref(), now)
        });
        fires
            .enumerate()
            .filter_map(|(index, fires)| fires.then_some(index))
            .collect()
    }

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn an_event_needs_enough_answers_in_a_row() {
        assert_eq!(fired(1, 100, &[NO, YES, YES]), [1]);
        assert_eq!(fired(3, 100, &[YES, YES, NO, YES, YES, YES]), [5]);
        // A failed answer resets the count.
        assert_eq!(fired(2, 100, &[YES, None, YES, NO]), [0; 0]);
    }

    #[test]
    fn no_event_begins_during_the_cool_down() {
        assert_eq!(fired(1, 3, &[YES, NO, YES, NO, YES, NO]), [0, 4]);
        assert_eq!(fired(2, 0, &[YES, YES, NO, YES, YES]), [1, 4]);
    }

    #[test]
    fn a_condition_that_stays_true_makes_an_event_after_each_cool_down() {
        assert_eq!(fired(2, 3, &[YES; 8]), [1, 4, 7]);
    }
}
