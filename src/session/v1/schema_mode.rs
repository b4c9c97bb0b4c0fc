// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! How the model learns the schema of its answers: the service forces it, or the prompt contains it.

use serde_json::Value;

use super::protocol::{NamedSchema, ResponseFormat};
use crate::session::request::SchemaMode;
use crate::session::schema::Schema;

/// Models that are much slower if the service forces the schema (protocol, section 2: Gemma).
const SLOW_UNDER_STRICT: [&str; 1] = ["gemma"];

/// The part of a request that is about the schema.
pub struct SchemaRequest<'a> {
    pub response_format: Option<ResponseFormat<'a>>,
    /// What the prompt says about it.
    pub instruction: Option<String>,
}

impl<'a> SchemaRequest<'a> {
    pub fn new(schema: Option<&'a Schema>, mode: SchemaMode, model: &str) -> Self {
        let value = schema.map(Schema::value);
        if is_in_prompt(mode, model) {
            return Self {
                // This format is for objects only.
                response_format: value
                    .filter(|value| is_object(value))
                    .map(|_| ResponseFormat::JsonObject {}),
                instruction: value.map(|value| {
                    format!("Answer with JSON that matches this JSON schema:\n{value}")
                }),
            };
        }
        Self {
            response_format: value.map(|schema| ResponseFormat::JsonSchema {
                json_schema: NamedSchema {
                    name: "answer",
                    schema,
                },
            }),
            instruction: None,
        }
    }
}

fn is_in_prompt(mode: SchemaMode, model: &str) -> bool {
    match mode {
        SchemaMode::Strict => false,
        SchemaMode::Prompt => true,
        SchemaMode::Auto => {
            let model = model.to_ascii_lowercase();
            SLOW_UNDER_STRICT.iter().any(|name| model.contains(name))
        }
    }
}

/// Whether only objects match the schema, as far as its own `type` says it.
fn is_object(schema: &Value) -> bool {
    match schema.get("type") {
        Some(kind) => kind == "object",
        None => schema.get("properties").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_model_decides_unless_the_mode_does() {
        let schema = |value| Schema::new(value).expect("a schema");
        let object = schema(json!({"type": "object"}));
        let list = schema(json!({"type": "array"}));
        for (schema, mode, model, format) in [
            (
                &object,
                SchemaMode::Auto,
                "google/gemma-3-27b-it",
                "json_object",
            ),
            (
                &object,
                SchemaMode::Auto,
                "Qwen/Qwen3-VL-8B-Instruct",
                "json_schema",
            ),
            (
                &object,
                SchemaMode::Strict,
                "google/gemma-3-27b-it",
                "json_schema",
            ),
            (
                &object,
                SchemaMode::Prompt,
                "Qwen/Qwen3-VL-8B-Instruct",
                "json_object",
            ),
            (
                &list,
                SchemaMode::Prompt,
                "Qwen/Qwen3-VL-8B-Instruct",
                "none",
            ),
            (
                &list,
                SchemaMode::Auto,
                "Qwen/Qwen3-VL-8B-Instruct",
                "json_schema",
            ),
        ] {
            let request = SchemaRequest::new(Some(schema), mode, model);
            let sent = serde_json::to_value(&request.response_format).expect("serializable");
            let sent = sent["type"].as_str().unwrap_or("none");
            assert_eq!(sent, format, "{mode:?} {model}");
            let text = request.instruction.unwrap_or_default();
            assert_eq!(
                text.contains(&schema.value().to_string()),
                format != "json_schema"
            );
        }
        let none = SchemaRequest::new(None, SchemaMode::Prompt, "google/gemma-3-27b-it");
        assert!(none.instruction.is_none() && none.response_format.is_none());
    }
}
