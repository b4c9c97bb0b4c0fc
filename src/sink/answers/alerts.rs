// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decides which answers raise an alert, and which end it. An alert outlives streams and prompts: neither a reconnection
//! nor a changed prompt raises it again.

use std::time::Instant;

use serde_json::Value;

use crate::session::model_text::without_code_fence;
use crate::sink::config::alerts::AlertRule;

/// What an answer says behind this many bytes is not looked at: it takes time for each alert.
const MAX_BYTES: usize = 64 * 1024;

/// The alerts of a run.
#[derive(Default)]
pub struct Alerts(Vec<Alert>);

struct Alert {
    rule: AlertRule,
    in_a_row: InARow,
    /// Its beginning was reported, and its end was not.
    is_raised: bool,
    /// When its newest beginning was reported.
    raised_at: Option<Instant>,
}

/// The newest answers that agree.
#[derive(Default)]
struct InARow {
    hold: bool,
    count: u32,
    /// The time that the first of them is about.
    since: Option<gst::ClockTime>,
}

/// An alert that an answer raises or ends.
#[derive(Debug, PartialEq)]
pub struct Change {
    pub name: String,
    pub raised: bool,
    /// The time that the first answer is about that said so, of those in a row.
    pub since: Option<gst::ClockTime>,
}

impl Alerts {
    /// Begins a run with these rules. A cool-down goes on over runs: it is about what was reported.
    pub fn restart(&mut self, rules: &[AlertRule]) {
        let earlier = std::mem::take(&mut self.0);
        let raised_at = |name: &str| {
            let alert = earlier.iter().find(|alert| alert.rule.name == name)?;
            alert.raised_at
        };
        let alert = |rule: &AlertRule| Alert {
            rule: rule.clone(),
            in_a_row: InARow::default(),
            is_raised: false,
            raised_at: raised_at(&rule.name),
        };
        self.0 = rules.iter().map(alert).collect();
    }

    /// The names of the alerts that are raised.
    pub fn raised(&self) -> Vec<String> {
        let raised = self.0.iter().filter(|alert| alert.is_raised);
        raised.map(|alert| alert.rule.name.clone()).collect()
    }

    /// Takes an answer to `prompt`, or to the question of this name. `time`: what it is about, in running time.
    pub fn answer(
        &mut self,
        question: Option<&str>,
        text: &str,
        time: Option<gst::ClockTime>,
        now: Instant,
    ) -> Vec<Change> {
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let json: Option<Value> = serde_json::from_str(without_code_fence(text)).ok();
        let about = |alert: &&mut Alert| alert.rule.question.as_deref() == question;
        let changes = self.0.iter_mut().filter(about).filter_map(|alert| {
            let holds = alert.rule.when.holds(text, json.as_ref())?;
            alert.answer(holds, time, now)
        });
        changes.collect()
    }
}

impl Alert {
    fn answer(
        &mut self,
        holds: bool,
        time: Option<gst::ClockTime>,
        now: Instant,
    ) -> Option<Change> {
        let row = &mut self.in_a_row;
        if row.hold == holds && row.count > 0 {
            row.count = row.count.saturating_add(1);
        } else {
            *row = InARow {
                hold: holds,
                count: 1,
                since: time,
            };
        }
        let is_cool = || {
            let passed = self.raised_at.map(|at| now.saturating_duration_since(at));
            passed.is_none_or(|passed| passed >= self.rule.cool_down)
        };
        let changes = match holds {
            true => !self.is_raised && row.count >= self.rule.answers && is_cool(),
            false => self.is_raised && row.count >= self.rule.clear_answers,
        };
        if !changes {
            return None;
        }
        self.is_raised = holds;
        if holds {
            self.raised_at = Some(now);
        }
        Some(Change {
            name: self.rule.name.clone(),
            raised: holds,
            since: row.since,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sink::config::condition::Condition;

    const YES: &str = "{\"alert\": true}";
    const NO: &str = "```json\n{\"alert\": false}\n```";
    const TEXT: &str = "I can't say.";

    fn rule(answers: u32, clear_answers: u32, cool_down: u64) -> AlertRule {
        AlertRule {
            name: "a".to_owned(),
            when: Condition::parse("/alert == true").expect("a condition"),
            answers,
            clear_answers,
            cool_down: Duration::from_secs(cool_down),
            question: None,
        }
    }

    /// What these answers change, one a second: the index of the answer, whether it raises the alert, and since which
    /// second.
    fn changes(rule: AlertRule, answers: &[&str]) -> Vec<(usize, bool, u64)> {
        let mut alerts = Alerts::default();
        alerts.restart(&[rule]);
        let start = Instant::now();
        let mut all = Vec::new();
        for (index, text) in answers.iter().enumerate() {
            let second = Duration::from_secs(index as u64);
            let time = Some(gst::ClockTime::from_seconds(index as u64));
            for change in alerts.answer(None, text, time, start + second) {
                let since = change.since.expect("a time").seconds();
                all.push((index, change.raised, since));
            }
        }
        all
    }

    #[test]
    fn both_edges_need_enough_answers_in_a_row() {
        let both = changes(rule(1, 1, 0), &[NO, YES, YES, NO, NO, YES]);
        assert_eq!(both, [(1, true, 1), (3, false, 3), (5, true, 5)]);
        let answers = [YES, NO, YES, YES, NO, YES, NO, NO, NO];
        let slow = changes(rule(2, 3, 0), &answers);
        assert_eq!(slow, [(3, true, 2), (8, false, 6)]);
        // Answers that say nothing about it neither count nor break a row.
        let unsure = changes(rule(2, 1, 0), &[YES, TEXT, YES, TEXT]);
        assert_eq!(unsure, [(2, true, 0)]);
    }

    #[test]
    fn the_cool_down_counts_from_what_was_reported() {
        let answers = [YES, NO, YES, NO, YES, YES, NO];
        let reported = changes(rule(1, 1, 5), &answers);
        // The alert of second 2 is not reported, so it does not lengthen the cool-down. That of second 4 is reported late.
        assert_eq!(
            reported,
            [(0, true, 0), (1, false, 1), (5, true, 4), (6, false, 6)]
        );
    }

    #[test]
    fn a_new_run_begins_without_alerts_but_the_cool_down_goes_on() {
        let (rules, start) = ([rule(1, 1, 5)], Instant::now());
        let mut alerts = Alerts::default();
        let mut run = |second| {
            alerts.restart(&rules);
            let now = start + Duration::from_secs(second);
            alerts.answer(None, YES, None, now).len()
        };
        assert_eq!([run(0), run(3), run(5), run(9), run(10)], [1, 0, 1, 0, 1]);
    }

    #[test]
    fn each_question_has_its_alerts() {
        let mut gate = rule(1, 1, 0);
        gate.question = Some("gate".to_owned());
        let mut alerts = Alerts::default();
        alerts.restart(&[gate]);
        let now = Instant::now();
        assert_eq!(alerts.answer(None, YES, None, now), []);
        assert_eq!(alerts.answer(Some("other"), YES, None, now), []);
        assert_eq!(alerts.answer(Some("gate"), YES, None, now).len(), 1);
    }
}
