// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors of the TOML reader in plain words. Values are left out: somebody may have written a key in the wrong place.

pub fn plain(message: &str) -> String {
    if message.contains("socket address") {
        return "write an IP address and a port, such as \"127.0.0.1:9464\"".to_owned();
    }
    if message.starts_with("missing field") {
        return format!("{message}: add it");
    }
    let invalid = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = invalid.and_then(|text| text.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let found = found.split(['`', '"']).next().unwrap_or_default().trim();
    let expected = match expected {
        "f64" => "a number",
        "u32" | "usize" => "a whole number that is not negative",
        "a sequence" => "a list, as in [\"one\", \"two\"]",
        struct_name if struct_name.starts_with("struct ") => "a table",
        other => other,
    };
    format!("write {expected}; this is: {found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_repeated() {
        for (message, expected) in [
            (
                "invalid type: string \"s3cret, expected f64\", expected f64",
                "write a number; this is: string",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "write a whole number that is not negative; this is: integer",
            ),
            (
                "invalid type: string \"s3cret\", expected a sequence",
                "write a list, as in [\"one\", \"two\"]; this is: string",
            ),
            (
                "unknown field `promt`, expected `prompt`",
                "unknown field `promt`, expected `prompt`",
            ),
        ] {
            assert_eq!(plain(message), expected);
        }
    }
}
