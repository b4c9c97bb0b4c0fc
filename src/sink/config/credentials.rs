// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The API key and the LiveKit tokens, and the mistakes that are made when they are copied.

use super::settings::Settings;
use crate::session::error::{Error, Kind, Stage};
use crate::session::secret::Secret;

const KEY_VARIABLE: &str = "OVERSHOOT_API_KEY";

/// The quotes of keyboards, editors and web pages.
const QUOTES: [char; 10] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];

impl Settings {
    /// `api-key`, else `OVERSHOOT_API_KEY` from the environment.
    ///
    /// # Errors
    /// If there is no key, or it can't be one. The text names the mistake.
    pub(super) fn api_key(&self) -> Result<Secret, Error> {
        let (name, key) = match &self.api_key {
            Some(key) => ("api-key", key.reveal().to_owned()),
            None => (
                KEY_VARIABLE,
                std::env::var(KEY_VARIABLE).unwrap_or_default(),
            ),
        };
        match key.trim() {
            "" => Err(Error::new(
                Kind::InvalidSettings,
                Stage::Settings,
                "There is no API key: set the environment variable OVERSHOOT_API_KEY or the property api-key.",
            )),
            key => check(name, "key", key).map(|()| Secret::new(key)),
        }
    }

    /// The two parts of `livekit-token`: the element's token, and optionally one for the service. A comma
    /// separates them, because tokens (RFC 7519) contain no commas.
    ///
    /// # Errors
    /// If a part can't be a token.
    pub(super) fn tokens(&self) -> Result<(Option<Secret>, Option<Secret>), Error> {
        let both = self.livekit_token.as_ref().map(Secret::reveal);
        let mut tokens = both
            .into_iter()
            .flat_map(|both| both.split(','))
            .map(str::trim);
        let mut next = || {
            let token = tokens.next().filter(|token| !token.is_empty());
            token
                .map(|token| check("livekit-token", "token", token).map(|()| Secret::new(token)))
                .transpose()
        };
        Ok((next()?, next()?))
    }
}

/// Finds what is often copied together with a key. `name` is what the text was set in.
///
/// # Errors
/// The mistake and how to fix it, without the text itself.
fn check(name: &str, what: &str, text: &str) -> Result<(), Error> {
    let lower = text.to_ascii_lowercase();
    let alone = format!("set {name} to the {what} alone");
    let mistake = if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        format!("{name} contains quotes: remove them, and {alone}.")
    } else if lower.starts_with("authorization:") {
        format!("{name} starts with \"Authorization:\", which is the name of a header: {alone}.")
    } else if lower.starts_with("bearer ") || lower.starts_with("bearer:") {
        format!("{name} starts with \"Bearer\", which the element adds by itself: {alone}.")
    } else if text.starts_with(KEY_VARIABLE) {
        format!("{name} starts with \"{KEY_VARIABLE}\": {alone}, without the name of the variable.")
    } else if let Some(position) = text.chars().position(|c| !c.is_ascii_graphic()) {
        let character = text.chars().nth(position).unwrap_or_default();
        let described = match character {
            ' ' => "a space".to_owned(),
            '\r' | '\n' => "a line break".to_owned(),
            '\t' => "a tab".to_owned(),
            character if is_invisible(character) => {
                format!("an invisible character (U+{:04X})", u32::from(character))
            }
            character => format!("{character:?}, which no {what} has"),
        };
        let place = match position {
            0 => "at its start".to_owned(),
            position => format!("after its first {position} characters"),
        };
        format!("{name} contains {described} {place}: copy the {what} again, and {alone}.")
    } else {
        return Ok(());
    };
    Err(Error::settings(mistake))
}

/// Whether a person does not see it: control characters, spaces, and marks of width zero.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_in_copied_keys_are_named() {
        for (key, mistake) in [
            ("\"ovs_secret\"", "contains quotes"),
            ("'ovs_secret'", "contains quotes"),
            ("“ovs_secret”", "contains quotes"),
            ("ovs_secret\"", "contains quotes"),
            ("Bearer ovs_secret", "starts with \"Bearer\""),
            ("bearer  ovs_secret", "starts with \"Bearer\""),
            ("Authorization: Bearer ovs_secret", "\"Authorization:\""),
            ("OVERSHOOT_API_KEY=ovs_secret", "name of the variable"),
            ("\u{feff}ovs_secret", "(U+FEFF) at its start"),
            (
                "ovs_\u{200b}secret",
                "(U+200B) after its first 4 characters",
            ),
            ("ovs_\u{a0}secret", "(U+00A0)"),
            ("ovs_\u{7f}secret", "(U+007F)"),
            ("ovs_\u{0}secret", "(U+0000)"),
            ("ovs_se cret", "a space after its first 6 characters"),
            ("ovs_se\r\ncret", "a line break"),
            ("ovs_se…", "'…', which no key has"),
            ("оvs_secret", "which no key has at its start"),
        ] {
            let settings = Settings {
                api_key: Some(Secret::new(key)),
                ..Settings::default()
            };
            let error = settings.api_key().expect_err(key);
            assert_eq!(error.kind, Kind::InvalidSettings, "{key}");
            assert!(error.message.starts_with("api-key "), "{error}");
            assert!(error.message.contains(mistake), "{key}: {error}");
            assert!(!error.message.contains("cret"), "{error}");
            let settings = Settings {
                livekit_token: Some(Secret::new(format!("eyJh.eyJh.sig, {key}"))),
                ..Settings::default()
            };
            let error = settings.tokens().expect_err(key);
            assert!(error.message.starts_with("livekit-token "), "{error}");
        }
    }

    #[test]
    fn good_keys_pass() {
        for key in ["key", " ovs_a-B.9~+/=\n", "sk-a:b", "bearerkey"] {
            let settings = Settings {
                api_key: Some(Secret::new(key)),
                livekit_token: Some(Secret::new(format!(" {key} ,"))),
                ..Settings::default()
            };
            let expected = Secret::new(key.trim());
            assert_eq!(settings.api_key().expect(key), expected);
            assert_eq!(settings.tokens().expect(key), (Some(expected), None));
        }
    }
}
