// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `GET /openapi.json`: the description of all calls, for programs that make clients. Tests compare it with the
//! routes and with the responses.

use std::sync::LazyLock;

use axum::Json;
use serde_json::{Map, Value, json};

use crate::session::{FIELDS, Field, Kind};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let mut description: Value = match serde_json::from_str(include_str!("openapi.json")) {
        Ok(description) => description,
        // A test reads it.
        Err(error) => unreachable!("openapi.json is JSON: {error}"),
    };
    description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let fields = FIELDS
        .iter()
        .map(|field| (field.name.to_owned(), schema(field)));
    description["components"]["schemas"]["StreamSettings"]["properties"] =
        Value::Object(Map::from_iter(fields));
    description
});

pub(super) async fn show() -> Json<&'static Value> {
    Json(&DESCRIPTION)
}

/// The JSON schema of a field.
fn schema(field: &Field) -> Value {
    let mut schema = match &field.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::Number(range) | Kind::Rate(range) => {
            json!({"type": "number", "minimum": range.start(), "maximum": range.end()})
        }
        Kind::Whole(range) => {
            json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
        }
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Object => json!({"type": "object"}),
        Kind::Objects => json!({"type": "array", "items": {"type": "object"}}),
    };
    let api = field
        .api
        .map(|api| format!(" Only with API {} of the service.", api.nick()));
    schema["description"] = format!("{}{}", field.what, api.unwrap_or_default()).into();
    schema
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described() {
        let described = DESCRIPTION["paths"].as_object().expect("an object");
        let described: BTreeSet<_> = described.keys().map(String::as_str).collect();
        let routes: BTreeSet<_> = super::super::routes()
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_reference_has_a_target() {
        fn check(value: &Value) -> usize {
            let target = value.get("$ref").and_then(Value::as_str);
            let own = target.map_or(0, |target| {
                let target = target.strip_prefix('#').expect("a local reference");
                assert!(DESCRIPTION.pointer(target).is_some(), "{target}");
                1
            });
            let inner = match value {
                Value::Object(members) => members.values().map(check).sum(),
                Value::Array(members) => members.iter().map(check).sum(),
                _ => 0,
            };
            own + inner
        }
        assert!(check(&DESCRIPTION) > 20);
    }
}
