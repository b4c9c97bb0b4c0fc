// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The schema of an answer that a client writes into its prompt.

use serde_json::{Value, json};

use crate::vision::schema_check;

/// The line before a schema that an answer in words must match, too: a model would do so.
const INSTRUCTION: &str = "Answer with JSON that matches this JSON schema:";

/// The schema of any kind on the line after the instruction.
pub(crate) fn instructed(texts: &[String]) -> Option<Value> {
    texts.iter().rev().find_map(|text| {
        let mut lines = text.lines();
        lines.find(|line| line.trim() == INSTRUCTION)?;
        let schema = serde_json::from_str(lines.next()?).ok()?;
        schema_check::check(&schema).is_ok().then_some(schema)
    })
}

/// The schema that an answer in `json_object` mode must match: the last one in the texts, or any object.
pub(crate) fn find(texts: &[String]) -> Value {
    let found = texts.iter().rev().find_map(|text| in_text(text));
    found.unwrap_or_else(|| {
        json!({
            "type": "object",
            "properties": {"description": {"type": "string"}},
            "required": ["description"],
        })
    })
}

/// A schema on a line of its own, or one that reaches from the first brace to the last.
fn in_text(text: &str) -> Option<Value> {
    let line = text.lines().rev().find_map(schema);
    line.or_else(|| {
        let (from, to) = (text.find('{')?, text.rfind('}')?);
        schema(text.get(from..=to)?)
    })
}

/// The schema of an object.
fn schema(text: &str) -> Option<Value> {
    let schema: Value = serde_json::from_str(text.trim()).ok()?;
    let is_object = match schema.get("type") {
        Some(kind) => kind == "object",
        None => ["properties", "$ref", "anyOf", "oneOf", "allOf"]
            .iter()
            .any(|keyword| schema.get(*keyword).is_some()),
    };
    (is_object && schema_check::check(&schema).is_ok()).then_some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_a_prompt_is_found() {
        let schema = json!({"type": "object", "properties": {"width": {"type": "integer"}}});
        let pretty = serde_json::to_string_pretty(&schema).expect("JSON");
        let found = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            find(&texts)
        };
        for text in [
            format!("What?\nAnswer with JSON that matches this JSON schema:\n{schema}"),
            format!("Return JSON like {pretty}, and nothing else."),
            format!("For example {{\"a\": 1}}.\n{schema}\nBe brief."),
        ] {
            assert_eq!(found(&[&text]), schema, "{text}");
            assert_eq!(found(&[&text, "What do you see?"]), schema, "{text}");
        }
        let list = json!({"type": "array", "items": {"type": "string"}});
        let instructed = |text: String| instructed(&[text]);
        assert_eq!(
            instructed(format!("What?\n{INSTRUCTION}\n{list}")),
            Some(list)
        );
        for text in [
            INSTRUCTION.to_owned(),
            format!("{INSTRUCTION}\n{{"),
            format!("{INSTRUCTION}\n3"),
            schema.to_string(),
        ] {
            assert_eq!(instructed(text.clone()), None, "{text}");
        }
        for text in [
            "",
            "Return {}",
            "{\"a\": 1}",
            "{\"type\": \"array\"}",
            "{\"type\": \"object\", \"properties\": 1}",
        ] {
            assert_eq!(found(&[text])["required"], json!(["description"]), "{text}");
        }
    }
}
