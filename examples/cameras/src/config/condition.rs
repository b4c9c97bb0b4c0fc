// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A condition on a JSON answer: `/alert == true`, `/people >= 3`, `/label contains "dog"`,
//! `/plate exists`.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    /// A JSON pointer (RFC 6901).
    pointer: String,
    test: Test,
    /// The text from the file.
    text: String,
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
    /// Whether the answer meets the condition. A missing value meets none, not even `!=`.
    pub fn holds(&self, answer: &Value) -> bool {
        match (answer.pointer(&self.pointer), &self.test) {
            (None, _) => false,
            (Some(_), Test::Exists) => true,
            (Some(found), Test::Is(operator, wanted)) => operator.holds(found, wanted),
        }
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = |problem: &str| {
            format!(
                "the condition `{text}` {problem}: write for example /alert == true, with one of == != < <= > >= contains, or /plate exists"
            )
        };
        let trimmed = text.trim();
        let (pointer, rest) = trimmed
            .split_once(char::is_whitespace)
            .ok_or_else(|| error("has no operator"))?;
        if !pointer.starts_with('/') {
            return Err(error("does not begin with a JSON pointer such as /alert"));
        }
        let rest = rest.trim_start();
        let (operator, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let test = match (operator, value.trim()) {
            ("exists", "") => Test::Exists,
            (operator, value) => {
                let operator =
                    Operator::parse(operator).ok_or_else(|| error("has no known operator"))?;
                let value: Value = serde_json::from_str(value).map_err(|_| {
                    error("does not end in a JSON value (strings need double quotes)")
                })?;
                Test::Is(operator, value)
            }
        };
        Ok(Self {
            pointer: pointer.to_owned(),
            test,
            text,
        })
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str, answer: &Value) -> bool {
        Condition::try_from(text.to_owned())
            .expect("a condition")
            .holds(answer)
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
    fn an_invalid_condition_is_refused_with_an_example() {
        for (text, why) in [
            ("/alert", "no operator"),
            ("alert == true", "JSON pointer"),
            ("/alert = true", "no known operator"),
            ("/alert == yes", "JSON value"),
            ("/alert ==", "JSON value"),
            ("/alert exists 1", "no known operator"),
        ] {
            let error = Condition::try_from(text.to_owned()).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("/alert == true"), "{error}");
        }
    }
}
