// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Finds answers that say the same as the one before, in other words or another order. When in doubt, an answer is new.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::session::model_text::without_code_fence;

/// Numbers are the same if they differ by less than this part of the larger one, or by less than this amount: a model that
/// measures the same scene again is no more exact. Different counts up to 20 are not the same.
const RELATIVE_TOLERANCE: f64 = 0.05;
const ABSOLUTE_TOLERANCE: f64 = 0.02;
/// Longer answers are the same only byte by byte: the comparison takes time with the square of their length.
const MAX_COMPARED_BYTES: usize = 4096;
/// Longer lists are compared in their order, because every item may be compared with every other.
const MAX_UNORDERED_ITEMS: usize = 64;

/// Words that say nothing about the scene: articles, forms of "to be", and what models wrap their answers in.
const FILLERS: [&str; 32] = [
    "a",
    "an",
    "the",
    "this",
    "that",
    "these",
    "it",
    "its",
    "1",
    "is",
    "are",
    "be",
    "being",
    "there",
    "can",
    "seen",
    "see",
    "visible",
    "appears",
    "appear",
    "seems",
    "shows",
    "showing",
    "shown",
    "depicts",
    "image",
    "picture",
    "photo",
    "video",
    "frame",
    "scene",
    "currently",
];
/// Numbers as words.
const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// The newest answer that said something new, of each question.
#[derive(Default)]
pub struct Changes(HashMap<Option<String>, Said>);

/// What an answer says.
enum Said {
    Json(Value),
    /// In alphabetical order.
    Words(Vec<String>),
    Long(String),
}

impl Changes {
    /// Whether an answer to `prompt`, or to the question of this name, says the same as the last one that did not.
    pub fn is_repeated(&mut self, question: Option<&str>, text: &str) -> bool {
        let question = question.map(str::to_owned);
        let said = Said::new(text);
        let is_repeated = self
            .0
            .get(&question)
            .is_some_and(|last| last.is_same(&said));
        if !is_repeated {
            self.0.insert(question, said);
        }
        is_repeated
    }
}

impl Said {
    fn new(text: &str) -> Self {
        if text.len() > MAX_COMPARED_BYTES {
            return Self::Long(text.to_owned());
        }
        match serde_json::from_str(without_code_fence(text)) {
            Ok(value) => Self::Json(value),
            Err(_) => Self::Words(words(text)),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => is_same_value(a, b),
            (Self::Words(a), Self::Words(b)) => a == b,
            (Self::Long(a), Self::Long(b)) => a == b,
            _ => false,
        }
    }
}

/// The words that say something, in alphabetical order. An answer of other words only keeps them.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let all = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let all = all.filter(|word| !word.is_empty()).map(|word| {
        let number = NUMBERS.iter().position(|number| *number == word);
        number.map_or_else(|| word.to_owned(), |number| number.to_string())
    });
    let (fillers, mut words): (Vec<_>, Vec<_>) =
        all.partition(|word| FILLERS.contains(&word.as_str()));
    if words.is_empty() {
        words = fillers;
    }
    words.sort_unstable();
    words
}

fn is_same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => is_same_number(a, b),
            _ => a == b,
        },
        (Value::String(a), Value::String(b)) => a == b || words(a) == words(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && is_same_list(a, b),
        (Value::Object(a), Value::Object(b)) => {
            // A member that is null says as much as none.
            let names = a.keys().chain(b.keys());
            let member = |of, name| Map::get(of, name).unwrap_or(&Value::Null);
            let mut names = names.map(String::as_str);
            names.all(|name| is_same_value(member(a, name), member(b, name)))
        }
        _ => a == b,
    }
}

fn is_same_number(a: f64, b: f64) -> bool {
    let tolerance = (a.abs().max(b.abs()) * RELATIVE_TOLERANCE).max(ABSOLUTE_TOLERANCE);
    a == b || (a - b).abs() < tolerance
}

/// Whether two lists of one length have the same items.
fn is_same_list(a: &[Value], b: &[Value]) -> bool {
    if a.len() > MAX_UNORDERED_ITEMS {
        return a.iter().zip(b).all(|(a, b)| is_same_value(a, b));
    }
    let mut left: Vec<_> = b.iter().collect();
    a.iter().all(|item| {
        let same = left.iter().position(|other| is_same_value(item, other));
        same.map(|index| left.swap_remove(index)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(a: &str, b: &str) -> bool {
        let mut changes = Changes::default();
        assert!(!changes.is_repeated(None, a));
        changes.is_repeated(None, b)
    }

    #[test]
    fn the_same_in_other_words_is_repeated() {
        for (a, b) in [
            ("Two dogs.", "There are 2 dogs"),
            ("The gate is closed.", "gate closed"),
            (
                "A red car and a blue truck.",
                "A blue truck and the red car",
            ),
            (
                "The image shows one man at the door.",
                "There is a man at the door.",
            ),
            ("", " "),
            (
                r#"{"people": 3, "near": 0.91}"#,
                r#"{"near": 0.9, "people": 3.0}"#,
            ),
            (
                r#"{"seen": ["a cat", "dog"]}"#,
                "```json\n{\"seen\": [\"Dog\", \"cat\"]}\n```",
            ),
            (r#"{"plate": null}"#, "{}"),
            ("[1, 100]", "[103, 1]"),
            ("true", "true"),
        ] {
            assert!(is_same(a, b), "{a} | {b}");
        }
    }

    #[test]
    fn what_says_something_else_is_new() {
        for (a, b) in [
            ("Two dogs.", "Three dogs."),
            ("A dog.", "Dogs."),
            ("The gate is closed.", "The gate is not closed."),
            ("The gate is closed.", "The gate is closing."),
            ("A man is at the door.", "A woman is at the door."),
            ("Gate 1 is open.", "Gate 2 is open."),
            ("Yes.", "No."),
            (r#"{"people": 3}"#, r#"{"people": 4}"#),
            (r#"{"people": 19}"#, r#"{"people": 20}"#),
            (r#"{"open": true}"#, r#"{"open": false}"#),
            (r#"{"open": true}"#, r#"{"open": "true"}"#),
            (r#"{"open": true}"#, r#"{"open": true, "fire": true}"#),
            (r#"["cat", "cat"]"#, r#"["cat", "dog"]"#),
            (r#"["cat"]"#, r#"["cat", "cat"]"#),
            ("{}", "An empty object."),
        ] {
            assert!(!is_same(a, b), "{a} | {b}");
        }
    }

    #[test]
    fn long_answers_take_no_time() {
        let items = |item: &str| format!("[{}]", vec![item; 1000].join(","));
        let lists = [items("[1,2,3]"), items("[1,3,2]")];
        let start = std::time::Instant::now();
        assert!(is_same(&lists[0], &lists[0]) && !is_same(&lists[0], &lists[1]));
        // The longest that is compared, and in vain to its end.
        let nested = |last: &str| format!("[{}{last}]", "[1,1,1,1,1,1,1,1,1,1,1,1,1],".repeat(60));
        assert!(!is_same(&nested("[1]"), &nested("[2]")));
        assert!(
            start.elapsed() < std::time::Duration::from_millis(500),
            "{:?}",
            start.elapsed()
        );
    }

    /// Small steps add up to a change.
    #[test]
    fn answers_are_compared_with_the_last_new_one() {
        let mut changes = Changes::default();
        let answers = ["100", "104", "108", "108"].map(|text| changes.is_repeated(None, text));
        assert_eq!(answers, [false, true, false, true]);
        assert!(!changes.is_repeated(Some("other"), "108"));
    }

    /// A day of one scene in several wordings. If only the order, the articles and the form of numbers differ, the answers are
    /// the same. After a real change the next answer is new.
    #[test]
    fn a_day_of_rewordings_has_one_new_answer() {
        let wordings = [
            "There are two parked cars, and the gate is closed.",
            "Two parked cars and the gate is closed.",
            "The gate is closed, and there are 2 parked cars.",
            "The image shows two parked cars and a closed gate.",
            "A closed gate and 2 parked cars are visible.",
            "This scene shows two parked cars, and the gate is closed.",
        ];
        let mut changes = Changes::default();
        let mut new = Vec::new();
        for minute in 0..24 * 60 {
            let text = match minute {
                600..620 => "There are two parked cars, and the gate is open.",
                _ => wordings[minute % wordings.len()],
            };
            if !changes.is_repeated(None, text) {
                new.push(minute);
            }
        }
        assert_eq!(new, [0, 600, 620]);
    }
}
