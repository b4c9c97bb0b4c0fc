// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! JSON of endpoints: a byte order mark before it, and half a surrogate pair in a text, cost no answer.

use serde_json::Value;

/// Parses a JSON text. `None`: it is not JSON.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}');
    let parsed = serde_json::from_str(text);
    parsed.or_else(|_| serde_json::from_str(&mended(text))).ok()
}

/// Replaces each half of a surrogate pair that stands alone.
fn mended(json: &str) -> String {
    let mut parts = json.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut rest: Vec<&str> = parts.collect();
    rest.reverse();
    while let Some(part) = rest.pop() {
        out.push('\\');
        match unit(part) {
            // An escaped backslash: what follows is no escape.
            _ if part.is_empty() => {
                out.push('\\');
                out.push_str(rest.pop().unwrap_or_default());
            }
            Some(high) if (0xd800..0xdc00).contains(&high) && part.len() == 5 => {
                match rest.last().and_then(|next| unit(next)) {
                    Some(low) if (0xdc00..0xe000).contains(&low) => {
                        out.push_str(part);
                        out.push('\\');
                        out.push_str(rest.pop().unwrap_or_default());
                    }
                    _ => out.push_str("ufffd"),
                }
            }
            Some(half) if (0xd800..0xe000).contains(&half) => {
                out.push_str("ufffd");
                out.push_str(part.get(5..).unwrap_or_default());
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// The UTF-16 unit of an escape, from after its backslash.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_texts_are_read() {
        for (text, value) in [
            ("\u{feff}{\"a\": 1}", json!({"a": 1})),
            (
                r#"["half \ud83d of", "\ude00", "\ud83d\ude00 \ud83d"]"#,
                json!(["half \u{fffd} of", "\u{fffd}", "😀 \u{fffd}"]),
            ),
            (
                r#"["\\ud83d \ud83d\n", "\\"]"#,
                json!(["\\ud83d \u{fffd}\n", "\\"]),
            ),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert_eq!(parse("<html>"), None);
    }
}
