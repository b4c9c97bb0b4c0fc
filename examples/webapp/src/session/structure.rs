// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! JSON objects as the structures that some properties of the element take.

use gst::glib::SendValue;
use gst::prelude::*;
use serde_json::Value;

/// More members than any of the structures has.
const MAX_MEMBERS: usize = 32;
/// More structures than the element accepts.
const MAX_STRUCTURES: usize = 100;

/// A structure of this object, for the property of this field. The error completes a sentence.
pub(super) fn to_structure(field: &str, value: &Value) -> Result<gst::Structure, String> {
    let members = value.as_object().ok_or("must be an object")?;
    if members.len() > MAX_MEMBERS {
        return Err(format!("has more than {MAX_MEMBERS} members"));
    }
    let mut structure = gst::Structure::new_empty(structure_name(field));
    for (name, value) in members {
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if name.is_empty() || !name.bytes().all(valid) {
            return Err(
                "has a member whose name is not made of lower-case letters and _".to_owned(),
            );
        }
        if let Some(value) = to_value(name, value)? {
            structure.set_value(name.replace('_', "-"), value);
        }
    }
    Ok(structure)
}

/// An array of the structures of these objects.
pub(super) fn to_array(field: &str, value: &Value) -> Result<gst::Array, String> {
    let list = value.as_array().ok_or("must be a list")?;
    if list.len() > MAX_STRUCTURES {
        return Err(format!("has more than {MAX_STRUCTURES} entries"));
    }
    let structures = list.iter().map(|entry| to_structure(field, entry));
    let structures: Vec<SendValue> = structures
        .map(|structure| structure.map(|structure| structure.to_send_value()))
        .collect::<Result<_, _>>()?;
    Ok(gst::Array::from_values(structures))
}

fn structure_name(field: &str) -> &str {
    match field {
        "questions" => "question",
        "alerts" => "alert",
        // The other values of ask-when wait for events, which an application has to send.
        "ask_when" => "still",
        name => name,
    }
}

fn to_value(name: &str, value: &Value) -> Result<Option<SendValue>, String> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(yes) => yes.to_send_value(),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).to_send_value(),
        Value::String(text) if text.contains('\0') => {
            return Err(format!("has the character U+0000 in {name}"));
        }
        Value::String(text) => text.to_send_value(),
        schema @ Value::Object(_) if name == "output_schema" => schema.to_string().to_send_value(),
        Value::Object(_) | Value::Array(_) => {
            return Err(format!(
                "has a {name} that is not a text, a number, true or false"
            ));
        }
    }))
}
