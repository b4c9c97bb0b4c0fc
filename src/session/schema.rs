// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `output-schema`: the JSON schema that answers must match.

use std::sync::Arc;

use boon::{CompileError, Compiler, SchemaIndex, Schemas, SchemeUrlLoader, ValidationError};
use serde_json::Value;

use super::error::Error;
use super::protocol::without_nul;

/// The longest explanation why an answer does not match.
const MAX_EXPLANATION_CHARS: usize = 300;

/// A valid schema. Clones share it.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    value: Value,
    schemas: Schemas,
    root: SchemaIndex,
}

/// The base of references within the schema. There is no loader for this scheme or any other: nothing is
/// read from files or from the network.
const BASE_URL: &str = "output-schema:///";

impl Schema {
    /// # Errors
    /// A settings error if it is not a schema in a JSON object, or refers to anything outside itself.
    pub fn new(value: Value) -> Result<Self, Error> {
        if !value.is_object() {
            return Err(Error::settings(
                "output-schema must be a JSON object, such as {\"type\":\"object\",\"properties\":{…}}.",
            ));
        }
        let (schemas, root) = compile(&value).map_err(|why| {
            Error::settings(format!(
                "output-schema is not a valid JSON schema: {}.",
                shortened(&why)
            ))
        })?;
        Ok(Self(Arc::new(Compiled {
            value,
            schemas,
            root,
        })))
    }

    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// Why an answer does not match; `None` if it does.
    pub fn error_in(&self, answer: &str) -> Option<String> {
        match serde_json::from_str(answer) {
            Ok(answer) => {
                let error = self.0.schemas.validate(&answer, self.0.root).err()?;
                let (place, why) = first_leaf(&error);
                // Names of members come from the answer and may contain NUL.
                Some(without_nul(format!(
                    "{}: {}",
                    shortened(&place),
                    shortened(&why)
                )))
            }
            Err(error) => Some(format!("it is not JSON: {error}")),
        }
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.value.fmt(f)
    }
}

/// # Errors
/// Why it is not a schema.
fn compile(schema: &Value) -> Result<(Schemas, SchemaIndex), String> {
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(SchemeUrlLoader::new()));
    let mut checked = schema.clone();
    remove_look_around(&mut checked);
    let mut schemas = Schemas::new();
    compiler
        .add_resource(BASE_URL, checked)
        .map_err(|error| explanation(&error))?;
    let root = compiler
        .compile(BASE_URL, &mut schemas)
        .map_err(|error| explanation(&error))?;
    Ok((schemas, root))
}

/// Removes patterns with look-around, which the crate `regex` does not have. They are not checked here. The
/// service may support them, so they are no reason to refuse the schema.
fn remove_look_around(schema: &mut Value) {
    let looks_around = |pattern: &str| {
        ["(?=", "(?!", "(?<=", "(?<!"]
            .iter()
            .any(|form| pattern.contains(form))
    };
    match schema {
        Value::Object(members) => {
            if members
                .get("pattern")
                .and_then(Value::as_str)
                .is_some_and(looks_around)
            {
                members.remove("pattern");
            }
            if let Some(Value::Object(patterns)) = members.get("patternProperties")
                && patterns.keys().any(|pattern| looks_around(pattern))
            {
                // The other keywords depend on which members the patterns match.
                for keyword in [
                    "patternProperties",
                    "additionalProperties",
                    "unevaluatedProperties",
                ] {
                    members.remove(keyword);
                }
            }
            // The values of these are data, not schemas.
            let data = ["const", "default", "enum", "examples"];
            (members
                .iter_mut()
                .filter(|(name, _)| !data.contains(&name.as_str())))
            .for_each(|(_, value)| remove_look_around(value));
        }
        Value::Array(items) => items.iter_mut().for_each(remove_look_around),
        _ => {}
    }
}

/// The place of the first mismatch in an answer, and its reason. The errors above it only say that
/// something below does not match.
fn first_leaf(error: &ValidationError) -> (String, String) {
    let mut leaf = error;
    while let Some(cause) = leaf.causes.first() {
        leaf = cause;
    }
    let place = leaf.instance_location.to_string();
    let place = if place.is_empty() {
        "/".to_owned()
    } else {
        place
    };
    (place, leaf.kind.to_string())
}

fn explanation(error: &CompileError) -> String {
    match error {
        CompileError::ValidationError { src, .. } => {
            let (place, why) = first_leaf(src);
            format!("{place}: {why}")
        }
        // The alternate form includes the cause.
        error => format!("{error:#}"),
    }
}

/// Shortens an explanation: it may repeat the whole answer.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_EXPLANATION_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mismatch_names_its_place() {
        let schema = Schema::new(json!({
            "type": "object",
            "properties": { "people": { "type": "integer" } },
            "required": ["people"],
        }))
        .expect("a schema");
        assert_eq!(schema.error_in(r#"{"people": 2}"#), None);
        let wrong = schema.error_in(r#"{"people": "two"}"#).expect("an error");
        assert!(wrong.starts_with("/people: "), "{wrong}");
        let missing = schema.error_in("{}").expect("an error");
        assert!(missing.contains("people"), "{missing}");
        let cut = schema.error_in(r#"{"people": "#).expect("an error");
        assert!(cut.contains("not JSON"), "{cut}");
        let deep = "[".repeat(100_000);
        assert!(schema.error_in(&deep).is_some());
        let odd = Schema::new(json!({ "additionalProperties": false })).expect("a schema");
        let odd = odd.error_in(r#"{"a\u0000b": 1}"#).expect("an error");
        assert!(!odd.contains('\0'), "{odd:?}");
        let long = format!(r#"{{"people": "{}"}}"#, "x".repeat(10_000));
        let long = schema.error_in(&long).expect("an error");
        assert!(long.len() < 1_000, "{}", long.len());
    }

    #[test]
    fn references_within_the_schema_are_followed_and_no_others() {
        let schema = Schema::new(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": { "count": { "type": "integer", "minimum": 0 } },
            "properties": { "people": { "$ref": "#/$defs/count" } },
        }))
        .expect("a schema");
        assert_eq!(schema.error_in(r#"{"people": 2}"#), None);
        let wrong = schema.error_in(r#"{"people": -2}"#).expect("an error");
        assert!(wrong.starts_with("/people: "), "{wrong}");
        let file = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
        for elsewhere in [file, "https://example.com/schema.json", "other.json"] {
            let error = Schema::new(json!({ "$ref": elsewhere })).expect_err(elsewhere);
            assert!(error.to_string().contains("output-schema"), "{error}");
        }
    }

    #[test]
    fn patterns_that_look_around_are_left_to_the_service() {
        let schema = Schema::new(json!({
            "properties": { "name": { "pattern": "^(?!x)", "maxLength": 3 } },
            "patternProperties": { "^(?=y)": { "type": "integer" } },
            "additionalProperties": false,
        }))
        .expect("a schema");
        assert_eq!(schema.error_in(r#"{"name": "xy", "y": "z"}"#), None);
        assert!(schema.error_in(r#"{"name": "long"}"#).is_some());
        assert!(Schema::new(json!({ "pattern": "[" })).is_err());
        let data = Schema::new(json!({ "const": { "pattern": "(?=x)" } })).expect("a schema");
        assert_eq!(data.error_in(r#"{"pattern": "(?=x)"}"#), None);
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "properties": { "a": { "$ref": "#" } }, "additionalProperties": false }),
        ] {
            // Whatever the result: the call returns.
            let schema = Schema::new(schema);
            let _ = schema.map(|schema| schema.error_in(r#"{"a": {"a": {"b": 1}}}"#));
        }
    }

    #[test]
    fn an_invalid_schema_is_refused() {
        for bad in [
            json!([1]),
            json!({ "type": "objekt" }),
            json!({ "$ref": "https://example.com/schema.json" }),
        ] {
            let error = Schema::new(bad.clone()).err();
            assert!(error.is_some(), "{bad}");
        }
    }
}
