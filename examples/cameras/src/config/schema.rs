// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A JSON schema in TOML: a table, or a string of JSON, for a schema that is copied from elsewhere.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// With these, a property may be described elsewhere.
const OTHER_PLACES: [&str; 10] = [
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "patternProperties",
    "propertyNames",
    "dependentSchemas",
    "unevaluatedProperties",
];

pub fn serialize<S: Serializer>(schema: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
    schema.serialize(to)
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let schema = match Value::deserialize(from)? {
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|error| D::Error::custom(format!("schema is not valid JSON: {error}")))?,
        schema => schema,
    };
    match schema {
        Value::Object(_) => Ok(Some(schema)),
        _ => Err(D::Error::custom(
            "schema is not a JSON schema: write a table, or a string with a JSON object",
        )),
    }
}

/// The property of a JSON pointer that the schema does not have, with those that it has. `None`: it has all of them, or
/// does not say.
pub fn missing_property(mut schema: &Value, pointer: &str) -> Option<(String, Vec<String>)> {
    for part in pointer.split('/').skip(1) {
        if OTHER_PLACES.iter().any(|word| schema.get(word).is_some()) {
            return None;
        }
        let name = part.replace("~1", "/").replace("~0", "~");
        match (schema.get("properties"), schema.get("items")) {
            (Some(Value::Object(properties)), _) => match properties.get(&name) {
                Some(next) => schema = next,
                None => return Some((name, properties.keys().cloned().collect())),
            },
            (_, Some(items)) if name.parse::<usize>().is_ok() => schema = items,
            _ => return None,
        }
    }
    None
}
