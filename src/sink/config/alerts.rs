// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `alerts`: what an answer must say for an `overshoot-alert` message.

use std::time::Duration;

use super::condition::Condition;
use super::fields::{Fields, structures};
use crate::session::error::Error;

/// More alerts than anybody needs.
const MAX_ALERTS: usize = 64;
/// Most answers in a row that a rule can ask for.
const MAX_ANSWERS: f64 = 1000.0;
/// A week.
const MAX_COOL_DOWN_SECONDS: f64 = 604_800.0;
/// Without a cool-down, an answer that goes back and forth would raise an alert each time.
const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(60);
/// The fields of an alert. Any other field is a typing error.
const FIELDS: [&str; 6] = [
    "name",
    "when",
    "answers",
    "clear-answers",
    "cool-down",
    "question",
];

/// When an alert is raised, and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    pub name: String,
    pub when: Condition,
    /// For how many answers in a row the condition must hold.
    pub answers: u32,
    /// For how many answers in a row it must not hold any more.
    pub clear_answers: u32,
    /// The least time from one alert to the next.
    pub cool_down: Duration,
    /// The name of the question whose answers count. `None`: those to the property `prompt`.
    pub question: Option<String>,
}

/// Reads the alerts. `questions` are the names of the other questions that are asked.
///
/// # Errors
/// If an alert is not valid. The text names the alert, or has its number, and says what to write instead.
pub fn read(array: &gst::Array, questions: &[&str]) -> Result<Vec<AlertRule>, Error> {
    if array.len() > MAX_ALERTS {
        return Err(Error::settings(format!(
            "alerts has {} alerts: at most {MAX_ALERTS} are allowed.",
            array.len()
        )));
    }
    let mut rules: Vec<AlertRule> = Vec::new();
    let example = "\"alert,name=…,when=…\"";
    for (structure, nth) in structures(array, "alert", "alerts", example) {
        let structure = structure?;
        let rule = one(&structure, &nth, questions)?;
        if rules.iter().any(|other| other.name == rule.name) {
            return Err(Error::settings(format!(
                "The {nth} has the name of another alert: give it a name of its own, so that their messages can be distinguished."
            )));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn one(structure: &gst::StructureRef, nth: &str, questions: &[&str]) -> Result<AlertRule, Error> {
    let fields = Fields::new(structure, format!("The {nth}"), &FIELDS)?;
    let name = fields.needed_text("name")?;
    let fields = fields.with_title(format!("The alert {name:?} of alerts"));
    let when = fields.needed_text("when")?;
    let when = Condition::parse(&when)
        .map_err(|problem| fields.wrong(&format!("has a condition in when that {problem}")))?;
    let question = fields.text("question")?;
    if let Some(question) = &question
        && !questions.contains(&question.as_str())
    {
        return Err(fields.wrong(&format!(
            "is about the question {question:?}, which is none of the property questions (API v1): without question, the answers to prompt count."
        )));
    }
    let answers = |name| fields.number(name, 1.0..=MAX_ANSWERS, " answers");
    let cool_down = fields.number("cool-down", 0.0..=MAX_COOL_DOWN_SECONDS, " seconds")?;
    Ok(AlertRule {
        name,
        when,
        answers: answers("answers")?.unwrap_or(1.0) as u32,
        clear_answers: answers("clear-answers")?.unwrap_or(1.0) as u32,
        cool_down: cool_down.map_or(DEFAULT_COOL_DOWN, Duration::from_secs_f64),
        question,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_texts(texts: &[&str]) -> Result<Vec<AlertRule>, Error> {
        gst::init().expect("GStreamer");
        // As gst-launch-1.0 passes them.
        read(&gst::Array::new(texts.iter().copied()), &["gate"])
    }

    #[test]
    fn all_fields_are_read() {
        let texts = [
            "alert,name=fire,when=fire",
            "alert,name=crowd,when=\"/people\\ >=\\ 3\",answers=2,clear-answers=(uint)3,cool-down=0.5,question=gate",
        ];
        let rules = read_texts(&texts).expect("valid");
        assert_eq!(
            rules,
            [
                AlertRule {
                    name: "fire".to_owned(),
                    when: Condition::parse("fire").expect("words"),
                    answers: 1,
                    clear_answers: 1,
                    cool_down: DEFAULT_COOL_DOWN,
                    question: None,
                },
                AlertRule {
                    name: "crowd".to_owned(),
                    when: Condition::parse("/people >= 3").expect("a comparison"),
                    answers: 2,
                    clear_answers: 3,
                    cool_down: Duration::from_millis(500),
                    question: Some("gate".to_owned()),
                }
            ]
        );
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (texts, fix) in [
            (
                &["alert,when=fire"][..],
                "The alert 1 of alerts needs a name",
            ),
            (&["alert,name=a"], "The alert \"a\" of alerts needs a when"),
            (&["alert,name=a,when=\"/x\""], "that has no operator: write"),
            (&["alert,name=a,when=\"|\""], "write words such as fire"),
            (&["alert,name=a,when=x,answer=2"], "unknown field answer"),
            (
                &["alert,name=a,when=x,answers=0"],
                "answers, 1 to 1000 answers",
            ),
            (
                &["alert,name=a,when=x,cool-down=-1"],
                "cool-down, 0 to 604800 seconds",
            ),
            (
                &["alert,name=a,when=x,question=b"],
                "none of the property questions",
            ),
            (
                &["alert,name=a,when=x", "alert,name=a,when=y"],
                "alert 2 of alerts has the name of another",
            ),
            (&["a b"], "The alert 1 of alerts is not a structure"),
        ] {
            let error = read_texts(texts).expect_err(fix);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
