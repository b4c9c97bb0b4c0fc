// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an answer must say for an event: the condition of an alert of `overshootsink`.

use serde::{Deserialize, Serialize};

/// A valid condition, as it stands in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    needs_json: bool,
}

impl Condition {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The JSON pointer that it begins with. `None`: it is about words.
    pub fn pointer(&self) -> Option<&str> {
        let first = self.text.split_whitespace().next();
        first.filter(|_| self.needs_json)
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let condition = gstovershoot::Condition::parse(&text)
            .map_err(|problem| format!("the condition `{text}` {problem}"))?;
        let needs_json = condition.needs_json();
        Ok(Self { text, needs_json })
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}
