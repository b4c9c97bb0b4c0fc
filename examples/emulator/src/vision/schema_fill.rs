// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Makes JSON that fits an output schema.

use serde_json::{Map, Value, json};

use crate::vision::colour;
use crate::vision::observation::Observation;
use crate::vision::schema_check::{MAX_DEPTH, resolve};
use crate::vision::schema_values::{MAX_LENGTH, choose, number, string, truth};

/// If an answer must be shorter, its strings are shortened to these lengths, in turn.
const SHORTER_LENGTHS: [usize; 3] = [64, 16, 0];

/// Makes JSON that fits `schema`. Properties with a known name hold what was observed. If the JSON is longer
/// than `most` characters, optional properties are omitted, then strings are shortened: truncated JSON would
/// be useless.
pub(crate) fn fill(schema: &Value, observation: Option<&Observation>, max: usize) -> Value {
    let fitted = |optional, max_length| {
        let filler = Filler {
            root: schema,
            observation,
            optional,
            max_length,
        };
        filler.value(schema, None, 0)
    };
    let mut value = fitted(true, MAX_LENGTH);
    let shorter = SHORTER_LENGTHS.iter().copied();
    for max_length in std::iter::once(MAX_LENGTH).chain(shorter) {
        if value.to_string().chars().count() <= max {
            break;
        }
        value = fitted(false, max_length);
    }
    value
}

struct Filler<'a> {
    root: &'a Value,
    /// `None`: there was nothing to observe.
    observation: Option<&'a Observation>,
    /// Whether optional properties are included if something was observed for them.
    optional: bool,
    /// The maximum length of strings, unless the schema requires more.
    max_length: usize,
}

impl Filler<'_> {
    /// `name`: that of the property. `None`: the value is the answer itself, or an item of it.
    fn value(&self, schema: &Value, name: Option<&str>, depth: usize) -> Value {
        let anything = Map::new();
        let map = match schema {
            Value::Object(map) => map,
            Value::Bool(true) => &anything,
            _ => return Value::Null,
        };
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = map
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| resolve(self.root, reference))
        {
            return self.value(target, name, depth + 1);
        }
        if let Some(value) = map.get("const") {
            return value.clone();
        }
        let observed = self.observation(name.unwrap_or_else(|| unnamed(map)));
        if let Some(Value::Array(choices)) = map.get("enum") {
            return choose(choices, observed.as_ref());
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = map.get(keyword) {
                return self.branch(map, branches, name, depth);
            }
        }
        if let Some(Value::Array(parts)) = map.get("allOf") {
            let mut merged = map.clone();
            merged.remove("allOf");
            for part in parts {
                self.merge(&mut merged, part);
            }
            return self.value(&Value::Object(merged), name, depth + 1);
        }
        match self.kind(map, observed.as_ref()) {
            "object" => self.object(map, depth),
            "array" => self.array(map, name, observed, depth),
            "string" => Value::String(string(map, observed.as_ref(), self.max_length)),
            "number" => number(map, observed.as_ref(), false),
            "integer" => number(map, observed.as_ref(), true),
            "boolean" => Value::Bool(observed.as_ref().is_some_and(truth)),
            _ => Value::Null,
        }
    }

    /// The first branch that can hold what was observed, else the first one.
    fn branch(
        &self,
        map: &Map<String, Value>,
        branches: &[Value],
        name: Option<&str>,
        depth: usize,
    ) -> Value {
        let observed = name.and_then(|name| self.observation(name));
        let null = |branch: &&Value| branch.get("type").is_some_and(|kind| kind == "null");
        // "string or null": null if nothing was observed, so that nothing is invented.
        let chosen = if name.is_some() && observed.is_none() {
            branches.iter().find(null)
        } else {
            branches.iter().find(|branch| !null(branch))
        };
        let Some(chosen) = chosen.or_else(|| branches.first()) else {
            return Value::Null;
        };
        let mut merged = map.clone();
        merged.remove("anyOf");
        merged.remove("oneOf");
        self.merge(&mut merged, chosen);
        self.value(&Value::Object(merged), name, depth + 1)
    }

    fn merge(&self, into: &mut Map<String, Value>, part: &Value) {
        let part = match part.get("$ref").and_then(Value::as_str) {
            Some(reference) => resolve(self.root, reference).unwrap_or(part),
            None => part,
        };
        for (keyword, value) in part.as_object().into_iter().flatten() {
            match (into.get_mut(keyword), value) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    old.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                (Some(Value::Array(old)), Value::Array(new)) if keyword == "required" => {
                    old.extend(new.iter().cloned());
                }
                _ => {
                    into.insert(keyword.clone(), value.clone());
                }
            }
        }
    }

    fn kind<'s>(&self, map: &'s Map<String, Value>, observed: Option<&Value>) -> &'s str {
        match map.get("type") {
            Some(Value::String(kind)) => kind,
            Some(Value::Array(kinds)) => {
                let mut kinds = kinds.iter().filter_map(Value::as_str);
                let nullable = kinds.clone().any(|kind| kind == "null");
                if nullable && observed.is_none() {
                    "null"
                } else {
                    kinds.find(|kind| *kind != "null").unwrap_or("null")
                }
            }
            _ if map.contains_key("properties") => "object",
            _ if map.contains_key("items") => "array",
            _ if map.contains_key("minimum") || map.contains_key("maximum") => "number",
            _ => "string",
        }
    }

    fn object(&self, map: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut object = Map::new();
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, schema) in properties {
                // Optional properties without an observation are omitted.
                let observed = || self.optional && self.observation(name).is_some();
                if required.contains(&name.as_str()) || observed() {
                    object.insert(name.clone(), self.value(schema, Some(name), depth + 1));
                }
            }
        }
        for name in required {
            if !object.contains_key(name) {
                let schema = map.get("additionalProperties").filter(|s| s.is_object());
                let value = schema.map_or(Value::Null, |s| self.value(s, Some(name), depth + 1));
                object.insert(name.to_owned(), value);
            }
        }
        Value::Object(object)
    }

    fn array(
        &self,
        map: &Map<String, Value>,
        name: Option<&str>,
        observed: Option<Value>,
        depth: usize,
    ) -> Value {
        let limit = |keyword: &str| {
            let value = map.get(keyword).and_then(Value::as_u64)?;
            usize::try_from(value).ok()
        };
        let max = limit("maxItems").unwrap_or(MAX_LENGTH).min(MAX_LENGTH);
        let min = limit("minItems").unwrap_or(0).min(max);
        let any = Value::Object(Map::new());
        let items = map.get("items").unwrap_or(&any);
        let first = map.get("prefixItems").and_then(Value::as_array);
        let first = first.into_iter().flatten().take(max);
        let codes = name.is_some_and(|name| is_code(&key(name)));
        let mut array: Vec<Value> = if map.contains_key("prefixItems") {
            first
                .map(|schema| self.value(schema, name, depth + 1))
                .collect()
        } else if codes {
            let texts = self
                .observation
                .into_iter()
                .flat_map(|observation| &observation.codes);
            texts.take(max).map(|code| json!(code)).collect()
        } else if observed.is_some() && max > 0 && items != &Value::Bool(false) {
            vec![self.value(items, name, depth + 1)]
        } else {
            Vec::new()
        };
        while array.len() < min {
            array.push(self.value(items, name, depth + 1));
        }
        Value::Array(array)
    }

    /// The name of the schema's only property that is a string.
    fn only_string(&self) -> Option<&str> {
        let properties = self.root.get("properties")?.as_object()?;
        let mut strings = properties.iter().filter(|(_, schema)| {
            let kind = schema.get("type");
            kind.is_some_and(|kind| kind == "string") && schema.get("enum").is_none()
        });
        let (name, _) = strings.next()?;
        strings.next().is_none().then_some(name)
    }

    /// What was observed for a property of this name.
    fn observation(&self, name: &str) -> Option<Value> {
        let observation = self.observation?;
        let key = key(name);
        if is_code(&key) {
            return observation.codes.last().map(|code| json!(code));
        }
        // If text was read, it is the value of the description, and of the schema's only string.
        let descriptive = matches!(key.as_str(), "text" | "description" | "summary" | "answer");
        if let Some(read) = &observation.read
            && (descriptive || self.only_string() == Some(name))
        {
            return Some(json!(read));
        }
        match key.as_str() {
            "width" => Some(json!(observation.width)),
            "height" => Some(json!(observation.height)),
            "size" | "resolution" => Some(json!(format!(
                "{}x{}",
                observation.width, observation.height
            ))),
            "fps" | "framerate" => observation
                .fps
                .map(|fps| json!((fps * 10.0).round() / 10.0)),
            "color" | "colour" | "colorname" | "colourname" | "dominantcolor"
            | "dominantcolour" => Some(json!(observation.colour())),
            "hex" | "rgb" | "colorhex" | "colourhex" => Some(json!(colour::hex(observation.rgb))),
            "brightness" => Some(json!((observation.brightness * 100.0).round() / 100.0)),
            "motion" => observation
                .motion
                .map(|m| json!((m * 100.0).round() / 100.0)),
            "moving" | "ismoving" => observation
                .motion
                .map(|motion| json!(motion >= MOVING_FROM)),
            "position" => observation.position.map(|position| json!(position)),
            _ if descriptive => Some(json!(observation.text())),
            "count" | "frames" | "framecount" => Some(json!(observation.frames)),
            _ => None,
        }
    }
}

/// The observation that a value without a name holds, by its type.
fn unnamed(map: &Map<String, Value>) -> &'static str {
    match map.get("type").and_then(Value::as_str) {
        Some("boolean") => "moving",
        Some("number") => "brightness",
        Some("integer") => "count",
        _ => "description",
    }
}

/// From this motion on, a picture counts as moving.
const MOVING_FROM: f64 = 0.01;

/// A name without its style: `frame_rate`, `frameRate` and `frame-rate` are the same.
fn key(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn is_code(key: &str) -> bool {
    matches!(
        key,
        "qr" | "qrs" | "qrcode" | "qrcodes" | "qrtext" | "code" | "codes"
    )
}

#[cfg(test)]
#[path = "schema_fill_tests.rs"]
mod tests;
