// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an answer must say for an event: the same as for an alert of `overshootsink`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    condition: gstovershoot::Condition,
    /// The text from the file.
    text: String,
}

impl Condition {
    /// Whether it is about a JSON value, and not about words.
    pub fn needs_json(&self) -> bool {
        self.condition.needs_json()
    }

    /// Whether an answer meets it. `json`: the answer as JSON, if it is JSON.
    pub fn holds(&self, text: &str, json: Option<&Value>) -> bool {
        self.condition.holds(text, json) == Some(true)
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let condition = gstovershoot::Condition::parse(&text)
            .map_err(|problem| format!("the condition `{text}` {problem}"))?;
        Ok(Self { condition, text })
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}
