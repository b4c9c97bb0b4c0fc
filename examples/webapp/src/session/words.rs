// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's messages in words for users of this server. The element advises to set properties, which a
//! user cannot do here: a user can change fields, and the operator can change variables of the environment.
//! What the service itself says is not changed.

use super::fields::FIELDS;

/// How the element introduces the service's own words.
const SAYS: [&str; 2] = [" The service says: ", " It says: "];
/// How advice begins in the element's messages.
const ADVICE: [&str; 17] = [
    "set ",
    "check ",
    "raise ",
    "allow ",
    "open ",
    "unset ",
    "use ",
    "stop another",
    "try again",
    "top it up",
    "copy it",
    "to skip",
    "if this lasts",
    "if it lasts",
    "if the key",
    "if it is about",
    "requests come too often",
];
/// What only the operator of this server can change.
const OPERATOR_PROPERTIES: [&str; 10] = [
    "api-url",
    "api-key",
    "api-version",
    "turn-servers",
    "stun-server",
    "drain-timeout",
    "video-caps",
    "livekit-url",
    "livekit-token",
    "imagefreeze",
];

/// An error or a warning of the element.
pub(super) struct ElementText<'a> {
    /// The `kind` of its details.
    pub kind: &'a str,
    pub text: &'a str,
    /// The element goes on by itself.
    pub is_warning: bool,
}

impl ElementText<'_> {
    /// The text for users.
    pub(super) fn translate(&self) -> String {
        let (own, said) = split(self.text);
        let said = said.map(|said| format!(" The service says: {}", to_sentence(said)));
        let said = said.unwrap_or_default();
        let own = to_sentence(own);
        let facts = || facts(&own);
        let text = match self.kind {
            "not-authorized" => {
                "The service refuses this server's API key. The operator of this server must set a valid OVERSHOOT_API_KEY and start it again.".to_owned()
            }
            "out-of-credits" if own.contains("budget") => to_fields(&own),
            "out-of-credits" => {
                "The account of this server has no credits left. Its operator must top it up.".to_owned()
            }
            "busy" => "The service is busy, or this server's key has too many streams there. Stop another stream, or try again later.".to_owned(),
            "not-found" => format!(
                "{} The operator of this server must check OVERSHOOT_API_URL.",
                facts()
            ),
            "invalid-settings" if !said.is_empty() => "The service refused the settings.".to_owned(),
            "invalid-settings" => to_fields(&own),
            "media" if own.contains("UDP") => format!(
                "{} The operator of this server must allow UDP between it and the service.",
                facts()
            ),
            "media" => to_fields(&own),
            _ => format!(
                "{}{} If it lasts, the operator of this server must check its network and OVERSHOOT_API_URL.",
                facts(),
                if self.is_warning { "" } else { " Try again later." }
            ),
        };
        text.trim_start().to_owned() + &said
    }
}

/// Finds the field that an error message names. The element names its properties, the service its fields.
pub(super) fn named_field(text: &str) -> Option<&'static str> {
    let text = text.replace('-', "_");
    let position = |field: &str| text.find(field);
    // If several begin at the same place, take the longest: `model` begins with `mode`.
    let found = FIELDS
        .iter()
        .filter_map(|field| Some((position(field.name)?, field.name)));
    found
        .min_by_key(|(position, name)| (*position, std::cmp::Reverse(name.len())))
        .map(|(_, name)| name)
}

/// Adds a full stop to a text that has none.
pub(super) fn to_sentence(text: &str) -> String {
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

/// The element's words, and the service's words.
fn split(text: &str) -> (&str, Option<&str>) {
    let parts = SAYS.iter().find_map(|says| text.split_once(says));
    match parts {
        Some((own, said)) => (own, Some(said)),
        None => (text, None),
    }
}

/// The text without advice.
fn facts(text: &str) -> String {
    let mut kept = Vec::new();
    for sentence in text.trim_end_matches('.').split(". ") {
        let clauses = sentence.split(": ").take_while(|clause| !is_advice(clause));
        let clauses: Vec<_> = clauses.collect();
        if !clauses.is_empty() {
            let clauses = clauses.join(": ");
            kept.push(to_fields(&to_sentence(without_codes(&clauses))));
        }
    }
    kept.join(" ")
}

/// The sentence without what only developers know at its end: the number of an error, and the name of a request.
fn without_codes(sentence: &str) -> &str {
    let mut kept = sentence;
    while let Some((start, code)) = kept
        .strip_suffix(')')
        .and_then(|kept| kept.rsplit_once(" ("))
    {
        let is_request = code.chars().all(|c| c.is_ascii_lowercase());
        if !is_request && !code.starts_with("os error ") {
            break;
        }
        kept = start;
    }
    kept
}

fn is_advice(clause: &str) -> bool {
    let lower = clause.to_lowercase();
    ADVICE.iter().any(|start| lower.starts_with(start))
        || OPERATOR_PROPERTIES
            .iter()
            .any(|name| has_word(&lower, name))
}

/// Names fields instead of properties, and drops advice about other properties.
fn to_fields(text: &str) -> String {
    let text = text
        .replace(
            "Repeat a still picture with the element imagefreeze, or set ",
            "Set ",
        )
        .replace(", or a larger drain-timeout", "")
        .replace(", or set api-url to a v1 address", "");
    let names = FIELDS.iter().filter(|field| field.name.contains('_'));
    let mut text = names.fold(text, |text, field| {
        text.replace(&field.property(), field.name)
    });
    for (from, to) in [
        ("-per-hour", "_per_hour"),
        ("api-url", "OVERSHOOT_API_URL"),
        ("api-key or OVERSHOOT_API_KEY", "OVERSHOOT_API_KEY"),
        ("api-key", "OVERSHOOT_API_KEY"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// Whether the text has this name, and not only as a part of another word.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
