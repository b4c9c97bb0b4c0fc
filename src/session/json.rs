// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! JSON as services really send it. An odd part costs only itself, never the message around it.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Parses a JSON text. Mends what serialisers get wrong: a byte order mark, half a surrogate pair, a raw line
/// break in a string, a number that JSON does not have (Python's `NaN`).
///
/// # Errors
/// It is not JSON even so, or does not have the type `T`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let text = text.trim_start_matches('\u{feff}');
    let value: Value = match serde_json::from_str(text) {
        Err(error) if error.is_syntax() => {
            serde_json::from_str(&mended(text)).map_err(|_| error)?
        }
        parsed => parsed?,
    };
    // Not directly: `T` would refuse a member that comes twice.
    serde_json::from_value(value)
}

/// Parses a JSON object.
///
/// # Errors
/// It is no object.
pub fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    match parse(text).map_err(|error| error.to_string())? {
        Value::Object(object) => Ok(object),
        _ => Err("it is not a JSON object".to_owned()),
    }
}

/// A string, or what can be written as one.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A number, or a string with one.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}

/// A truth value, or 0, 1 or a string with one.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        value => match value.as_f64()? {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        },
    }
}

/// [`text`] for a member; `None` if it is anything else.
///
/// # Errors
/// Never.
pub fn text_or_none<'de, D: Deserializer<'de>>(part: D) -> Result<Option<String>, D::Error> {
    Ok(text(&Value::deserialize(part)?))
}

/// [`text`] for a member that must be there.
///
/// # Errors
/// It is anything else.
pub fn needed_text<'de, D: Deserializer<'de>>(part: D) -> Result<String, D::Error> {
    text(&Value::deserialize(part)?).ok_or_else(|| D::Error::custom("expected a string"))
}

/// [`number`] for a member; `None` if it is anything else.
///
/// # Errors
/// Never.
pub fn number_or_none<'de, D: Deserializer<'de>>(part: D) -> Result<Option<f64>, D::Error> {
    Ok(number(&Value::deserialize(part)?))
}

/// [`number`] for a member that must be there.
///
/// # Errors
/// It is anything else.
pub fn needed_number<'de, D: Deserializer<'de>>(part: D) -> Result<f64, D::Error> {
    number(&Value::deserialize(part)?).ok_or_else(|| D::Error::custom("expected a number"))
}

/// A count that must be there, as [`number`] reads it.
///
/// # Errors
/// It is anything else.
pub fn needed_count<'de, D: Deserializer<'de>>(part: D) -> Result<u64, D::Error> {
    // A negative number counts as 0.
    needed_number(part).map(|count| count as u64)
}

/// The valid entries of a list. Anything else counts as an empty list.
///
/// # Errors
/// Never.
pub fn valid_entries<'de, D, T>(part: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(match Value::deserialize(part)? {
        Value::Array(entries) => entries
            .into_iter()
            .filter_map(|entry| serde_json::from_value(entry).ok())
            .collect(),
        _ => Vec::new(),
    })
}

/// The same text, with each part that is not JSON replaced by something that is.
fn mended(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(char) = rest.chars().next() {
        if char == '"' {
            rest = mend_string(rest.get(1..).unwrap_or_default(), &mut out);
            continue;
        }
        let is_word = |char: char| char.is_ascii_alphanumeric() || "+-._".contains(char);
        let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
        if end == 0 {
            out.push(char);
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(end);
        // Also `NaN` and `Infinity`.
        let is_beyond_json = word.parse().is_ok_and(|number: f64| !number.is_finite());
        out.push_str(if is_beyond_json { "null" } else { word });
        rest = after;
    }
    out
}

/// Mends a string from after its opening quotation mark. Returns what follows it.
fn mend_string<'a>(mut rest: &'a str, out: &mut String) -> &'a str {
    out.push('"');
    while let Some(char) = rest.chars().next() {
        let mut length = char.len_utf8();
        match char {
            '"' => {
                out.push('"');
                return rest.get(1..).unwrap_or_default();
            }
            '\\' => {
                let escaped = rest.get(1..).and_then(|rest| rest.chars().next());
                length += escaped.map_or(0, char::len_utf8);
                match (escaped, escaped_unit(rest)) {
                    (Some('u'), Some(unit)) => {
                        let next = rest.get(6..).and_then(escaped_unit);
                        let is_pair = (0xd800..0xdc00).contains(&unit)
                            && next.is_some_and(|next| (0xdc00..0xe000).contains(&next));
                        length = if is_pair { 12 } else { 6 };
                        match !is_pair && (0xd800..0xe000).contains(&unit) {
                            true => out.push('\u{fffd}'),
                            false => out.push_str(rest.get(..length).unwrap_or_default()),
                        }
                    }
                    (Some(escaped), _) if "\"\\/bfnrt".contains(escaped) => {
                        out.push_str(rest.get(..length).unwrap_or_default());
                    }
                    // The backslash itself was meant.
                    _ => {
                        out.push_str("\\\\");
                        length = 1;
                    }
                }
            }
            char if char < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    rest
}

/// The UTF-16 unit of an escape such as `\ud83d` at the beginning of a text.
fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_serialisers_get_wrong_is_mended() {
        for (text, value) in [
            ("\u{feff}{\"a\": 1}", json!({"a": 1})),
            (
                r#"{"a": "x\ud83dy", "b": 1}"#,
                json!({"a": "x\u{fffd}y", "b": 1}),
            ),
            (
                r#"["\ude00", "\ud83d\u0041"]"#,
                json!(["\u{fffd}", "\u{fffd}A"]),
            ),
            // A whole pair stays, beside half of another one.
            (r#"["\ud83d\ude00\ud83d"]"#, json!(["😀\u{fffd}"])),
            (
                r#"{"a": NaN, "b": -Infinity, "c": 1e999, "d": 2}"#,
                json!({"a": null, "b": null, "c": null, "d": 2}),
            ),
            (
                "{\"a\": \"one\ntwo\", \"b\": NaN}",
                json!({"a": "one\ntwo", "b": null}),
            ),
            (
                r#"["C:\work", "\"NaN\"", "é\\"]"#,
                json!(["C:\\work", "\"NaN\"", "é\\"]),
            ),
            (r#"{"a": 1, "a": 2}"#, json!({"a": 2})),
        ] {
            let parsed: Value = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(parsed, value, "{text}");
        }
        for text in ["", "hello", "{", r#"{"a": "b"#, r#"{"a" "b"}"#, "<html>"] {
            assert!(parse::<Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_of_another_type_are_read_if_they_can_be() {
        assert_eq!(text(&json!(7)).as_deref(), Some("7"));
        assert_eq!(text(&json!({})), None);
        assert_eq!(number(&json!(" 10.5 ")), Some(10.5));
        assert_eq!(number(&json!("inf")), None);
        assert_eq!(number(&json!([])), None);
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(1), Some(true)),
            (json!(0.0), Some(false)),
            (json!("False"), Some(false)),
            (json!("maybe"), None),
            (json!(2), None),
            (json!(null), None),
        ] {
            assert_eq!(boolean(&value), expected, "{value}");
        }
    }
}
