// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an answer must say for an alert: a JSON value, such as `/people >= 3`, or words, such as `fire | smoke`.

use std::cmp::Ordering;

use serde_json::Value;

use super::words::Phrase;

/// A condition on an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// A value in an answer that is JSON.
    Json { pointer: String, test: Test },
    /// At least one of these phrases is in the answer.
    Words(Vec<Phrase>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    Is(Operator, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Contains,
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            "contains" => Self::Contains,
            _ => return None,
        })
    }

    fn holds(self, found: &Value, wanted: &Value) -> bool {
        let order = || order(found, wanted);
        match self {
            Self::Equal => equal(found, wanted),
            Self::Unequal => !equal(found, wanted),
            Self::Less => order() == Some(Ordering::Less),
            Self::AtMost => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            Self::More => order() == Some(Ordering::Greater),
            Self::AtLeast => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
            Self::Contains => match (found, wanted) {
                (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
                (Value::Array(items), item) => items.iter().any(|has| equal(has, item)),
                (Value::Object(members), Value::String(name)) => members.contains_key(name),
                _ => false,
            },
        }
    }
}

/// 1 equals 1.0, because models write both.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Compares two numbers or two strings. Other values have no order.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

impl Condition {
    /// # Errors
    /// The text is no condition. The error completes "The condition …", and says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('/') {
            return parse_json(text).map(Self).map_err(|problem| {
                format!(
                    "{problem}: write for example /alert == true, with one of == != < <= > >= contains, or /plate exists."
                )
            });
        }
        let phrases: Option<Vec<_>> = text.split('|').map(Phrase::new).collect();
        let words = phrases.map(|phrases| Self(Kind::Words(phrases)));
        words.ok_or_else(|| {
            "has a place without a word: write words such as fire, or fire | smoke, or a JSON pointer with a comparison such as /people >= 3.".to_owned()
        })
    }

    /// Whether it is about a JSON value, and not about words.
    pub fn needs_json(&self) -> bool {
        matches!(self.0, Kind::Json { .. })
    }

    /// Whether this answer meets it. `json`: the answer as JSON, if it is JSON. A missing value meets no condition, not
    /// even `!=`. `None`: the condition is about JSON, and the answer is none.
    pub fn holds(&self, text: &str, json: Option<&Value>) -> Option<bool> {
        Some(match &self.0 {
            Kind::Json { pointer, test } => match (json?.pointer(pointer), test) {
                (None, _) => false,
                (Some(_), Test::Exists) => true,
                (Some(found), Test::Is(operator, wanted)) => operator.holds(found, wanted),
            },
            Kind::Words(phrases) => phrases.iter().any(|phrase| phrase.is_in(text)),
        })
    }
}

fn parse_json(text: &str) -> Result<Kind, &'static str> {
    let (pointer, rest) = text
        .split_once(char::is_whitespace)
        .ok_or("has no operator")?;
    let rest = rest.trim_start();
    let (operator, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let test = match (operator, value.trim()) {
        ("exists", "") => Test::Exists,
        (operator, value) => {
            let operator = Operator::parse(operator).ok_or("has no known operator")?;
            let value = serde_json::from_str(value)
                .map_err(|_| "does not end in a JSON value (strings need double quotes)")?;
            Test::Is(operator, value)
        }
    };
    let pointer = pointer.to_owned();
    Ok(Kind::Json { pointer, test })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str, answer: &Value) -> bool {
        let condition = Condition::parse(text).expect(text);
        condition.holds("", Some(answer)).expect("JSON")
    }

    #[test]
    fn each_operator_compares() {
        let answer = json!({"alert": true, "people": 3, "label": "a big dog", "seen": ["cat", 2],
            "gate": {"open": false}, "none": null, "a/b": 1});
        for yes in [
            "/alert == true",
            "/alert != false",
            "/people == 3.0",
            "/people < 4",
            "/people <= 3",
            "/people > 2",
            "/people >= 3",
            "/label > \"a\"",
            "/label contains \"big dog\"",
            "/seen contains \"cat\"",
            "/seen contains 2.0",
            "/seen/0 == \"cat\"",
            "/gate contains \"open\"",
            "/gate/open == false",
            "/gate == {\"open\": false}",
            "/none exists",
            "/none == null",
            "/a~1b == 1",
            "  /people   >=   3  ",
        ] {
            assert!(holds(yes, &answer), "{yes}");
        }
        for no in [
            "/alert == false",
            "/alert == \"true\"",
            "/people < 3",
            "/people > 3",
            "/people > \"2\"",
            "/label contains \"cat\"",
            "/seen contains \"ca\"",
            "/nothing exists",
            "/nothing != 1",
            "/gate contains \"closed\"",
        ] {
            assert!(!holds(no, &answer), "{no}");
        }
    }

    #[test]
    fn a_text_is_no_json() {
        let condition = Condition::parse("/alert == true").expect("a condition");
        assert_eq!(condition.holds("alert", None), None);
        let words = Condition::parse("fire | thick smoke").expect("words");
        for (text, is) in [
            ("There is FIRE!", true),
            ("Thick, thick smoke.", true),
            ("Smoke is thick.", false),
        ] {
            assert_eq!(words.holds(text, None), Some(is), "{text}");
        }
    }

    #[test]
    fn an_invalid_condition_is_refused_with_an_example() {
        for (text, why) in [
            ("/alert", "no operator"),
            ("/alert = true", "no known operator"),
            ("/alert == yes", "JSON value"),
            ("/alert ==", "JSON value"),
            ("/alert exists 1", "no known operator"),
        ] {
            let error = Condition::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("/alert == true"), "{error}");
        }
        for text in ["", "fire |", "!!"] {
            let error = Condition::parse(text).expect_err(text);
            assert!(error.contains("fire | smoke"), "{text}: {error}");
        }
    }
}
