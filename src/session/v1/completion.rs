// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An answer of `POST /chat/completions`, whole or in chunks.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::event_stream::{END_MARK, EventStreamReader, StreamEvent};
use super::protocol::{ChatCompletion, ChatMessage};
use crate::session::error::{Error, Kind, Stage};
use crate::session::heartbeat;
use crate::session::http::MAX_BODY_BYTES;
use crate::session::json;
use crate::session::model_text::{content_text, error_text, failed_finish, refusal_part};
use crate::session::protocol::Usage;

/// How long a complete answer waits for what may follow it: the usage, and the end mark.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a successful response holds no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The model or the service failed. The next request may succeed.
    Failed(String),
    /// The model does not answer this question.
    Refused(String),
}

impl Failure {
    pub fn message(&self) -> &str {
        let (Failure::Failed(message) | Failure::Refused(message)) = self;
        message
    }
}

/// Puts an answer together.
#[derive(Debug, Default)]
pub struct CompletionBuilder {
    pub id: Option<String>,
    pub model: Option<String>,
    pub text: String,
    pub finish_reason: Option<String>,
    pub usage: Option<Usage>,
    pub failure: Option<Failure>,
    refusal: String,
    /// There was a choice, even an empty one.
    has_choice: bool,
    /// A choice had content, even an empty one.
    has_content: bool,
    is_complete: bool,
}

/// Reads the body of an answer. Whether it is one JSON object or events is seen in the body, whatever its
/// content type is.
#[derive(Default)]
struct BodyReader {
    answer: CompletionBuilder,
    events: EventStreamReader,
    body: Vec<u8>,
}

impl CompletionBuilder {
    /// Reads the whole answer. `on_text` gets the text so far each time that it grows.
    ///
    /// # Errors
    /// The body can't be read, or holds no whole answer.
    pub async fn read(mut response: Response, on_text: impl Fn(&str)) -> Result<Self, Error> {
        let mut reader = BodyReader::default();
        loop {
            let has_answer = reader.answer.finish_reason.is_some();
            let bytes = match has_answer {
                true => timeout(END_TIMEOUT, response.chunk())
                    .await
                    .unwrap_or(Ok(None)),
                false => response.chunk().await,
            };
            let bytes = match bytes {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return reader.end(),
                // The model had finished before the body broke off.
                Err(_) if has_answer => return reader.end(),
                Err(error) => return Err(Error::from_request(Stage::Ask, &error)),
            };
            let before = reader.answer.text.len();
            reader.push(&bytes)?;
            let answer = &reader.answer;
            if answer.text.len() > before && answer.failure.is_none() {
                on_text(&answer.text);
            }
            if answer.is_complete {
                return reader.answer.finish();
            }
        }
    }

    /// Adds a body without events.
    fn add_whole(&mut self, body: Value) {
        // Without a choice, whatever the body says is the reason.
        let says_why = ["message", "error", "detail"].iter();
        let reason = says_why
            .filter_map(|name| body.get(*name))
            .find_map(error_text);
        self.add(body);
        if let Some(reason) = reason.filter(|_| !self.has_choice) {
            self.fail(reason);
        }
        self.is_complete = true;
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(Failure::Failed(why));
        self.is_complete = true;
    }

    /// Adds a whole answer or a chunk. A heartbeat has none of the members.
    fn add(&mut self, part: Value) {
        let is_error = |name| part.get(name).and_then(Value::as_str) == Some("error");
        let error = match is_error("type") || is_error("object") {
            true => error_text(&part),
            false => part.get("error").and_then(error_text),
        };
        // All members may be odd or absent.
        let part: ChatCompletion = serde_json::from_value(part).unwrap_or_default();
        self.id = part.id.or(self.id.take());
        self.model = part.model.or(self.model.take());
        self.usage = part.usage.or(self.usage);
        if let Some(choice) = part.choices.into_iter().next() {
            self.has_choice = true;
            if let Some(message) = choice.message.or(choice.delta) {
                self.add_message(&message);
            }
            // Some services write "" or "null" in each chunk but the last.
            let reason = choice.finish_reason;
            let reason = reason.filter(|reason| !matches!(reason.as_str(), "" | "null"));
            self.finish_reason = reason.or(self.finish_reason.take());
            if let Some(error) = error_text(&choice.error) {
                self.fail(error);
            }
        }
        if let Some(error) = error {
            self.fail(error);
        }
    }

    fn add_message(&mut self, message: &ChatMessage) {
        if let Some(text) = content_text(&message.content) {
            self.has_content = true;
            self.text.push_str(&text);
        }
        let in_parts = refusal_part(&message.content);
        let refusal = message.refusal.as_deref().or(in_parts.as_deref());
        self.refusal.push_str(refusal.unwrap_or_default());
    }

    /// Decides whether the parts are an answer.
    fn finish(mut self) -> Result<Self, Error> {
        if self.failure.is_some() {
            return Ok(self);
        }
        if !self.is_complete {
            return Err(unusable("it broke off"));
        }
        if !self.has_choice {
            return Err(unusable("it has no choice"));
        }
        self.failure = if !self.refusal.trim().is_empty() {
            Some(Failure::Refused(self.refusal.trim().to_owned()))
        } else if let Some(why) = failed_finish(self.finish_reason.as_deref()) {
            Some(Failure::Failed(why))
        } else {
            self.missing_text().map(Failure::Refused)
        };
        Ok(self)
    }

    /// Why there is no text; `None` if there is one, or the model chose to say nothing.
    fn missing_text(&self) -> Option<String> {
        let reason = self.finish_reason.as_deref();
        let says_nothing = self.has_content && reason.is_none_or(|reason| reason == "stop");
        (self.text.is_empty() && !says_nothing).then(|| match reason {
            Some(reason) => format!("The model gave no text (finish_reason: {reason})."),
            None => "The model gave no text.".to_owned(),
        })
    }
}

impl BodyReader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.body.len() + bytes.len() > MAX_BODY_BYTES {
            return Err(unusable(&format!(
                "it is larger than {MAX_BODY_BYTES} bytes"
            )));
        }
        self.body.extend_from_slice(bytes);
        let events = self.events.read(bytes);
        self.add_events(events)
    }

    /// The end of the body.
    fn end(mut self) -> Result<CompletionBuilder, Error> {
        let events = self.events.finish();
        self.add_events(events)?;
        // Services leave the end mark out.
        self.answer.is_complete |= self.answer.finish_reason.is_some();
        if !self.answer.has_choice && self.answer.failure.is_none() {
            let body = String::from_utf8_lossy(&self.body);
            self.answer.add_whole(parse(&body)?);
        }
        self.answer.finish()
    }

    /// Reads one chunk from each event, up to the end mark.
    fn add_events(&mut self, events: Vec<StreamEvent>) -> Result<(), Error> {
        for event in events {
            if event.data == END_MARK {
                self.answer.is_complete = true;
            }
            if self.answer.is_complete {
                break;
            }
            if event.name.trim().eq_ignore_ascii_case("error") {
                let error = json::parse(&event.data).unwrap_or(Value::String(event.data));
                let why = error_text(&error).unwrap_or_else(|| "The model failed.".to_owned());
                self.answer.fail(why);
            } else if !heartbeat::is_name(&event.name) && !heartbeat::is_name(&event.data) {
                match parse(&event.data) {
                    Ok(part) => self.answer.add(part),
                    // Half a chunk after the answer is no harm.
                    Err(_) if self.answer.finish_reason.is_some() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Parses a whole answer or a chunk.
fn parse(text: &str) -> Result<Value, Error> {
    json::parse(text).map_err(|error| unusable(&format!("it can't be parsed: {error}")))
}

/// An answer that can't be used is as bad as none. The next one may be whole, so a retry can help.
fn unusable(why: &str) -> Error {
    Error::new(
        Kind::Server,
        Stage::Ask,
        format!("The service's answer can't be used: {why}."),
    )
}

/// For the fuzz tests.
///
/// # Errors
/// The bytes hold no whole answer.
#[cfg(test)]
pub fn read_bytes(bytes: &[u8]) -> Result<CompletionBuilder, Error> {
    let mut reader = BodyReader::default();
    reader.push(bytes)?;
    match reader.answer.is_complete {
        true => reader.answer.finish(),
        false => reader.end(),
    }
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod tests;
