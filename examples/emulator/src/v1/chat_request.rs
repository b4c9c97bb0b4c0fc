// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the body of a chat completion: known fields are checked, unknown fields are ignored.

use serde_json::{Map, Value};

use crate::v1::ovs_url::Kind;
use crate::v1::{V1Error, prompted_schema};

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// A chat completion request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChatRequest {
    pub model: String,
    /// The text of the system messages.
    pub system: Option<String>,
    /// The text of the last user message.
    pub prompt: String,
    /// The texts of all messages.
    pub texts: Vec<String>,
    pub media: Vec<Media>,
    pub max_tokens: Option<usize>,
    pub schema: Option<Value>,
    pub thread_id: Option<String>,
    /// Whether to stream the answer.
    pub chunks: bool,
    /// Whether the last event of a streamed answer reports the usage.
    pub usage_chunk: bool,
}

/// A part with a picture or a clip.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Media {
    pub kind: Kind,
    pub url: String,
}

/// Reads a body.
pub(crate) fn read(body: &[u8]) -> Result<ChatRequest, V1Error> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| V1Error::invalid(&[], format!("JSON decode error: {error}")))?;
    let Value::Object(body) = &body else {
        return Err(V1Error::invalid(&[], "Input should be an object"));
    };
    let messages = match body.get("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(_) => return Err(bad("messages", "Input should be a list that is not empty")),
        None => return Err(bad("messages", "Field required")),
    };
    let mut ask = ChatRequest {
        model: text(body, "model")?.ok_or_else(|| bad("model", "Field required"))?,
        system: None,
        prompt: String::new(),
        texts: Vec::new(),
        media: Vec::new(),
        max_tokens: tokens(body)?,
        schema: None,
        thread_id: text(body, "thread_id")?,
        chunks: flag(body, "stream")?,
        usage_chunk: match some(body, "stream_options") {
            None => false,
            Some(Value::Object(options)) => flag(options, "include_usage")?,
            Some(_) => return Err(bad("stream_options", "Input should be an object")),
        },
    };
    if let Some(temperature) = some(body, "temperature")
        && !temperature
            .as_f64()
            .is_some_and(|t| (0.0..=2.0).contains(&t))
    {
        return Err(bad("temperature", "Input should be a number from 0 to 2"));
    }
    for (n, message) in messages.iter().enumerate() {
        ask.message(&n.to_string(), message)?;
    }
    ask.schema = response_format(body, &ask.texts)?;
    Ok(ask)
}

impl ChatRequest {
    /// The length of all text, in characters.
    pub(crate) fn characters(&self) -> usize {
        self.texts.iter().map(|text| text.chars().count()).sum()
    }

    fn message(&mut self, number: &str, message: &Value) -> Result<(), V1Error> {
        let bad = |field: &str, must: &str| {
            Err(V1Error::invalid(
                &["messages", number, field],
                format!("Input should be {must}"),
            ))
        };
        let role = message.get("role").and_then(Value::as_str);
        let Some(role) = role.filter(|role| ROLES.contains(role)) else {
            return bad("role", &format!("one of {}", ROLES.join(", ")));
        };
        let mut texts = Vec::new();
        match message.get("content") {
            Some(Value::String(text)) => texts.push(text.as_str()),
            Some(Value::Array(parts)) => {
                for part in parts {
                    match part_of(part) {
                        Some(Part::Text(text)) => texts.push(text),
                        Some(Part::Media(media)) => self.media.push(media),
                        None => {
                            return bad(
                                "content",
                                "parts of type text, image_url or video_url, each with the field that its type names",
                            );
                        }
                    }
                }
            }
            // An assistant message that only calls tools has no content.
            Some(Value::Null) | None if role == "assistant" => {}
            _ => return bad("content", "a string or a list of parts"),
        }
        let text = texts.join("\n");
        self.texts.push(text.clone());
        match role {
            "system" | "developer" => {
                let before = self.system.take();
                self.system = Some(before.map_or(text.clone(), |before| before + "\n" + &text));
            }
            "user" => self.prompt = text,
            _ => {}
        }
        Ok(())
    }
}

enum Part<'a> {
    Text(&'a str),
    Media(Media),
}

fn part_of(part: &Value) -> Option<Part<'_>> {
    let kind = part.get("type")?.as_str()?;
    let media = |kind, name: &str| {
        let url = part.get(name)?.get("url")?.as_str()?.to_owned();
        Some(Part::Media(Media { kind, url }))
    };
    match kind {
        "text" => Some(Part::Text(part.get("text")?.as_str()?)),
        "image_url" => media(Kind::Image, kind),
        "video_url" => media(Kind::Video, kind),
        _ => None,
    }
}

fn bad(field: &str, message: &str) -> V1Error {
    V1Error::invalid(&[field], message)
}

/// `null` counts as absent.
fn some<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    body.get(field).filter(|value| !value.is_null())
}

fn text(body: &Map<String, Value>, field: &str) -> Result<Option<String>, V1Error> {
    match some(body, field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(field, "Input should be a string")),
    }
}

fn flag(body: &Map<String, Value>, field: &str) -> Result<bool, V1Error> {
    match some(body, field) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(bad(field, "Input should be a boolean")),
    }
}

/// If both are given, the newer name counts.
fn tokens(body: &Map<String, Value>) -> Result<Option<usize>, V1Error> {
    let mut tokens = None;
    for field in ["max_tokens", "max_completion_tokens"] {
        let Some(value) = some(body, field) else {
            continue;
        };
        let number = value.as_u64().filter(|number| *number > 0);
        let number = number.and_then(|number| usize::try_from(number).ok());
        tokens = Some(number.ok_or_else(|| bad(field, "Input should be an integer above 0"))?);
    }
    Ok(tokens)
}

/// The output schema.
fn response_format(body: &Map<String, Value>, texts: &[String]) -> Result<Option<Value>, V1Error> {
    const FIELD: &str = "response_format";
    let Some(format) = some(body, FIELD) else {
        return Ok(prompted_schema::instructed(texts));
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(prompted_schema::instructed(texts)),
        Some("json_object") => Ok(Some(prompted_schema::find(texts))),
        Some("json_schema") => {
            let place = [FIELD, "json_schema"];
            let wrapped = format.get("json_schema");
            let named = wrapped.and_then(|wrapped| wrapped.get("name"));
            if !named.is_some_and(Value::is_string) {
                return Err(V1Error::invalid(&place, "Input should have a name"));
            }
            let schema = wrapped.and_then(|wrapped| wrapped.get("schema"));
            let schema =
                schema.ok_or_else(|| V1Error::invalid(&place, "Input should have a schema"))?;
            crate::vision::schema_check::check(schema)
                .map_err(|problem| V1Error::invalid(&place, format!("schema {problem}")))?;
            Ok(Some(schema.clone()))
        }
        _ => Err(bad(
            FIELD,
            "Input should have the type text, json_object or json_schema",
        )),
    }
}

#[cfg(test)]
#[path = "chat_request_tests.rs"]
mod tests;
