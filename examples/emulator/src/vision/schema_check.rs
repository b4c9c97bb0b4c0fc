// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks that an output schema can be used.

use serde_json::Value;

/// The maximum nesting. Schemas can refer to themselves.
pub(crate) const MAX_DEPTH: usize = 32;
const TYPES: [&str; 7] = [
    "object", "array", "string", "number", "integer", "boolean", "null",
];

/// Checks that this is a JSON schema of any kind. The error completes "output_schema_json …".
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(_) | Value::Bool(true) => check_at(schema, schema, "#", 0),
        _ => Err("must be a JSON schema: an object, or true".to_owned()),
    }
}

fn check_at(schema: &Value, root: &Value, path: &str, depth: usize) -> Result<(), String> {
    let map = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(map) => map,
        _ => return Err(format!("is not a valid schema: {path} must be an object")),
    };
    if depth > MAX_DEPTH {
        return Err(format!("is nested too deeply at {path}"));
    }
    let bad = |keyword: &str, must: &str| {
        Err(format!(
            "is not a valid schema: {path}/{keyword} must be {must}"
        ))
    };
    let known = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
    for (keyword, value) in map {
        let below = format!("{path}/{keyword}");
        match keyword.as_str() {
            "type" => {
                let all_known = match value {
                    Value::Array(kinds) => !kinds.is_empty() && kinds.iter().all(known),
                    kind => known(kind),
                };
                if !all_known {
                    return bad(keyword, &format!("of {}", TYPES.join(", ")));
                }
            }
            "properties" | "$defs" | "definitions" | "patternProperties" => {
                let Value::Object(all) = value else {
                    return bad(keyword, "an object");
                };
                for (name, schema) in all {
                    check_at(schema, root, &format!("{below}/{name}"), depth + 1)?;
                }
            }
            "items" | "additionalProperties" | "not" | "contains" => {
                check_at(value, root, &below, depth + 1)?;
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => match value {
                Value::Array(all) if !all.is_empty() => {
                    for (n, schema) in all.iter().enumerate() {
                        check_at(schema, root, &format!("{below}/{n}"), depth + 1)?;
                    }
                }
                _ => return bad(keyword, "a list of schemas"),
            },
            "required" if !all_strings(value) => return bad(keyword, "a list of names"),
            "enum" if value.as_array().is_none_or(Vec::is_empty) => {
                return bad(keyword, "a list of values");
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
                if !value.is_number() =>
            {
                return bad(keyword, "a number");
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties"
                if !value.is_u64() =>
            {
                return bad(keyword, "a whole number");
            }
            "$ref" => match value.as_str() {
                Some(reference) if resolve(root, reference).is_some() => {}
                _ => {
                    return bad(
                        keyword,
                        "a reference that leads somewhere, like #/$defs/name",
                    );
                }
            },
            _ => {}
        }
    }
    Ok(())
}

fn all_strings(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|all| all.iter().all(Value::is_string))
}

/// The schema that a reference inside `root` leads to.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}
