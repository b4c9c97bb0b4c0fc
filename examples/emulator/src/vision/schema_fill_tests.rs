// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::vision::schema_check::check;

fn observation(codes: &[&str]) -> Observation {
    Observation {
        width: 640,
        height: 360,
        fps: Some(29.97),
        rgb: [0x20, 0x40, 0xf0],
        brightness: 0.4212,
        motion: Some(0.034),
        position: Some("down left"),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        frames: 4,
        read: None,
    }
}

/// Makes the JSON, and validates it.
fn fitted(schema: &Value, observation: &Observation) -> Value {
    check(schema).expect("a usable schema");
    let value = fill(schema, Some(observation), usize::MAX);
    let checked = validate(schema, &value);
    assert_eq!(checked, Ok(()), "{value} for {schema}");
    value
}

/// With another implementation of JSON schema.
fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("test:///", schema.clone())
        .expect("a resource");
    let mut schemas = boon::Schemas::new();
    let root = compiler
        .compile("test:///", &mut schemas)
        .expect("a valid schema");
    schemas
        .validate(value, root)
        .map_err(|error| error.to_string())
}

#[test]
fn known_names_hold_observations() {
    let schema = json!({
        "type": "object",
        "properties": {
            "width": {"type": "integer"}, "height": {"type": "number"},
            "frame_rate": {"type": "number"}, "dominantColor": {"type": "string"},
            "brightness": {"type": "number", "minimum": 0, "maximum": 1},
            "moving": {"type": "boolean"}, "position": {"enum": ["up", "down"]}, "qr": {"type": ["string", "null"]},
            "codes": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            "text": {"type": "string", "maxLength": 7}, "nobody_knows": {"type": "string"},
        },
        "required": ["width", "qr"],
        "additionalProperties": false,
    });
    let value = fitted(&schema, &observation(&["hello", "world"]));
    assert_eq!(
        value,
        json!({
            "width": 640, "height": 360.0, "frame_rate": 30.0, "dominantColor": "blue",
            "brightness": 0.42, "moving": true, "position": "down", "qr": "world", "codes": ["hello"],
            "text": "640x360",
        })
    );
    let value = fitted(&schema, &observation(&[]));
    assert_eq!(value["qr"], Value::Null);
    assert_eq!(value.get("codes"), None);
}

#[test]
fn a_short_answer_is_still_json() {
    let schema = json!({
        "type": "object",
        "properties": {
            "text": {"type": "string"}, "summary": {"type": "string", "minLength": 3},
            "width": {"type": "integer"}, "color": {"type": "string"},
        },
        "required": ["text", "summary"],
    });
    let observation = observation(&["a code that is rather long, as codes of addresses often are"]);
    let whole = fill(&schema, Some(&observation), usize::MAX)
        .to_string()
        .len();
    for most in [whole, 250, 160, 100, 60, 31] {
        let value = fill(&schema, Some(&observation), most);
        assert!(value.to_string().len() <= most, "{most}: {value}");
        assert_eq!(validate(&schema, &value), Ok(()), "{value}");
        assert_eq!(value.get("width").is_some(), most == whole, "{value}");
    }
}

#[test]
fn required_properties_fit() {
    let table = [
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "minLength": 4, "maxLength": 5}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 0.75}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 4, "multipleOf": 5}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "maximum": -4}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"enum": [{"x": 1}, 2]}}}),
        json!({"type": "object", "required": ["colour"], "properties": {"colour": {"enum": ["red", "green", "blue"]}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"const": "fixed"}}}),
        json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "boolean"}, "b": {"type": "null"}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "minItems": 2, "items": {"type": "object", "required": ["width"], "properties": {"width": {"type": "number", "maximum": 100}}}}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/thing"}}, "$defs": {"thing": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "null"}]}}}),
        json!({"type": "object", "required": ["width"], "properties": {"width": {"oneOf": [{"type": "null"}, {"type": "integer"}]}}}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"allOf": [{"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}, {"type": "object", "required": ["c"], "properties": {"c": {"type": "integer"}}}]}}}),
        json!({"type": "object", "required": ["free"], "additionalProperties": {"type": "integer"}}),
        json!({"$ref": "#/$defs/root", "$defs": {"root": {"type": "object", "required": ["fps"], "properties": {"fps": {"type": "integer"}}}}}),
        json!({"type": "object", "required": ["when"], "properties": {"when": {"type": "string", "format": "date-time"}}}),
        json!({"type": "object"}),
    ];
    for schema in &table {
        fitted(schema, &observation(&["hello"]));
        fitted(schema, &observation(&[]));
    }
    let colour = fitted(&table[6], &observation(&[]));
    assert_eq!(colour["colour"], "blue");
    let width = fitted(&table[12], &observation(&[]));
    assert_eq!(width["width"], 640);
}

/// A picture that is mostly blue, and in which something moves.
#[test]
fn answers_need_not_be_objects() {
    let text = observation(&[]).text();
    for (schema, expected) in [
        (json!(true), json!(text)),
        (json!({}), json!(text)),
        (json!({"type": "string"}), json!(text)),
        (json!({"type": "string", "maxLength": 7}), json!("640x360")),
        (
            json!({"type": "string", "enum": ["red", "blue"]}),
            json!("blue"),
        ),
        (json!({"enum": ["yes", "no"]}), json!("yes")),
        (json!({"const": 7}), json!(7)),
        (json!({"type": "boolean"}), json!(true)),
        (json!({"type": "number"}), json!(0.42)),
        (json!({"type": "number", "minimum": 2}), json!(2.0)),
        (json!({"type": "integer"}), json!(4)),
        (json!({"type": "null"}), json!(null)),
        (json!({"type": ["string", "null"]}), json!(text)),
        (
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
            json!(4),
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "boolean"}}}),
            json!(true),
        ),
        (json!({"type": "array"}), json!([text])),
        (
            json!({"type": "array", "items": {"enum": ["red", "blue"]}}),
            json!(["blue"]),
        ),
        (
            json!({"type": "array", "items": {"type": "boolean"}, "minItems": 2}),
            json!([true, true]),
        ),
        (
            json!({"type": "array", "items": true, "maxItems": 0}),
            json!([]),
        ),
        (json!({"type": "array", "items": false}), json!([])),
        (
            json!({"type": "array", "prefixItems": [{"type": "integer"}, {"const": "a"}], "items": false}),
            json!([4, "a"]),
        ),
        (
            json!({"type": "array", "items": {"type": "object", "properties": {"color": {"type": "string"}}}}),
            json!([{"color": "blue"}]),
        ),
    ] {
        assert_eq!(fitted(&schema, &observation(&[])), expected, "{schema}");
        // Nothing to observe: the smallest value that fits.
        let empty = fill(&schema, None, usize::MAX);
        assert_eq!(validate(&schema, &empty), Ok(()), "{empty} for {schema}");
    }
}

#[test]
fn recursive_schemas_end() {
    let schema =
        json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
    assert_eq!(check(&schema), Ok(()));
    assert!(fill(&schema, Some(&observation(&[])), usize::MAX).is_object());
}

#[test]
fn bad_schemas_are_rejected() {
    for (schema, hint) in [
        (json!("object"), "JSON schema"),
        (json!(false), "JSON schema"),
        (json!({"type": "strnig"}), "#/type"),
        (json!({"type": "object", "properties": []}), "#/properties"),
        (
            json!({"type": "object", "properties": {"a": 1}}),
            "#/properties/a",
        ),
        (json!({"type": "object", "required": "a"}), "#/required"),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}),
            "$ref",
        ),
        (
            json!({"type": "object", "properties": {"a": {"enum": []}}}),
            "enum",
        ),
        (
            json!({"type": "object", "properties": {"a": {"minLength": -1}}}),
            "minLength",
        ),
    ] {
        let problem = check(&schema).expect_err(hint);
        assert!(problem.contains(hint), "{problem}");
    }
}
