// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The text of an answer, and its length in tokens.

use crate::vision::observation::Observation;
use crate::vision::schema_fill;

/// The assumed length of a token.
pub(crate) const CHARACTERS_PER_TOKEN: usize = 4;

/// Cuts a text at the maximum length, and returns its finish reason.
pub(crate) fn truncate(text: String, max_tokens: usize) -> (String, &'static str) {
    let max_characters = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
    match text.char_indices().nth(max_characters) {
        None => (text, "stop"),
        Some((at, _)) => (text.get(..at).unwrap_or_default().to_owned(), "length"),
    }
}

/// The approximate number of tokens of a text.
pub(crate) fn count_tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// The text of an answer: a sentence, or JSON if there is a schema. The JSON is kept within the tokens if
/// possible.
pub(crate) fn answer_text(
    observation: &Observation,
    schema: Option<&serde_json::Value>,
    max_tokens: usize,
) -> String {
    match schema {
        Some(schema) => {
            let max_characters = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
            schema_fill::fill(schema, Some(observation), max_characters).to_string()
        }
        None => observation.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_truncated() {
        assert_eq!(
            truncate("12345678".to_owned(), 2),
            ("12345678".to_owned(), "stop")
        );
        assert_eq!(
            truncate("123456789".to_owned(), 2),
            ("12345678".to_owned(), "length")
        );
        assert_eq!(
            truncate("ééééé".to_owned(), 1),
            ("éééé".to_owned(), "length")
        );
        assert_eq!(count_tokens("12345"), 2);
    }
}
