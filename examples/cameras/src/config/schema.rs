// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A JSON schema in TOML: a table, or a string of JSON, for a schema that is copied from elsewhere.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

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
