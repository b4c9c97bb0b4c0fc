//! The text of an answer, and its length in tokens.

use crate::vision::observation::Observation;
use crate::vision::schema_fill;

/// A token is about this many characters.
pub(crate) const CHARACTERS_PER_TOKEN: usize = 4;

/// Cuts a text at the allowed length, and says why it ends where it ends.
pub(crate) fn truncate(text: String, max_tokens: usize) -> (String, &'static str) {
    let most = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
    match text.char_indices().nth(most) {
        None => (text, "stop"),
        Some((at, _)) => (text.get(..at).unwrap_or_default().to_owned(), "length"),
    }
}

/// About how many tokens a text has.
pub(crate) fn count_tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// The answer's text: a sentence, or JSON where a schema was given, if it can be within the tokens.
pub(crate) fn answer_text(
    observation: &Observation,
    schema: Option<&serde_json::Value>,
    max_tokens: usize,
) -> String {
    match schema {
        Some(schema) => {
            let most = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
            schema_fill::fill(schema, Some(observation), most).to_string()
        }
        None => observation.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_cut() {
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
