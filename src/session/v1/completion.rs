// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An answer of `POST /chat/completions`, whole or in chunks.

use reqwest::{Response, header};

use super::event_stream::EventStreamReader;
use super::protocol::ChatCompletion;
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::{MAX_BODY_BYTES, read_body};
use crate::session::protocol::Usage;

/// Puts an answer together.
#[derive(Default)]
pub struct CompletionBuilder {
    pub id: Option<String>,
    pub model: Option<String>,
    pub text: String,
    pub finish_reason: Option<String>,
    pub usage: Option<Usage>,
    /// There was a choice, even an empty one.
    has_choice: bool,
    is_complete: bool,
}

impl CompletionBuilder {
    /// Reads the whole answer. `on_text` gets the text so far each time that it grows.
    ///
    /// # Errors
    /// The body can't be read, or holds no whole answer.
    pub async fn read(response: Response, on_text: impl Fn(&str)) -> Result<Self, Error> {
        let mut builder = Self::default();
        if is_event_stream(&response) {
            builder.read_chunks(response, on_text).await?;
        } else {
            let body = read_body(Stage::Ask, response)
                .await
                .map_err(|error| match error.kind {
                    Kind::Protocol => unusable(&too_large()),
                    _ => error,
                })?;
            builder.add(parse(&body)?);
            builder.is_complete = true;
        }
        if !builder.is_complete {
            return Err(unusable("it broke off"));
        }
        if !builder.has_choice {
            return Err(unusable("it has no choice"));
        }
        Ok(builder)
    }

    /// Reads one chunk from each event, up to `[DONE]`.
    async fn read_chunks(
        &mut self,
        mut response: Response,
        on_text: impl Fn(&str),
    ) -> Result<(), Error> {
        let (mut reader, mut length) = (EventStreamReader::default(), 0);
        while let Some(bytes) = response
            .chunk()
            .await
            .map_err(|error| Error::from_request(Stage::Ask, &error))?
        {
            length += bytes.len();
            if length > MAX_BODY_BYTES {
                return Err(unusable(&too_large()));
            }
            let before = self.text.len();
            for event in reader.read(&bytes) {
                if event == "[DONE]" {
                    self.is_complete = true;
                    return Ok(());
                }
                self.add(parse(&event)?);
            }
            if self.text.len() > before {
                on_text(&self.text);
            }
        }
        Ok(())
    }

    fn add(&mut self, part: ChatCompletion) {
        self.id = part.id.or(self.id.take());
        self.model = part.model.or(self.model.take());
        self.usage = part.usage.or(self.usage);
        if let Some(choice) = part.choices.into_iter().next() {
            self.has_choice = true;
            let text = choice
                .message
                .or(choice.delta)
                .and_then(|message| message.content);
            self.text.push_str(text.as_deref().unwrap_or_default());
            self.finish_reason = choice.finish_reason.or(self.finish_reason.take());
        }
    }
}

fn parse(json: &str) -> Result<ChatCompletion, Error> {
    serde_json::from_str(json).map_err(|error| unusable(&format!("it can't be parsed: {error}")))
}

fn is_event_stream(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type
        .and_then(|content_type| content_type.to_str().ok())
        .is_some_and(|content_type| content_type.trim_start().starts_with("text/event-stream"))
}

/// An answer that can't be used is as bad as none. The next one may be whole, so a retry can help.
fn unusable(why: &str) -> Error {
    Error::new(
        Kind::Server,
        Stage::Ask,
        format!("The service's answer can't be used: {why}."),
    )
}

fn too_large() -> String {
    format!("it is larger than {MAX_BODY_BYTES} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_make_a_whole() {
        let mut builder = CompletionBuilder::default();
        for chunk in [
            r#"{"id":"c1","model":"m","choices":[{"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"delta":{"content":"two "}}]}"#,
            r#"{"choices":[{"delta":{"content":"people"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
        ] {
            builder.add(serde_json::from_str(chunk).expect("a chunk"));
        }
        assert_eq!(builder.text, "two people");
        assert_eq!(builder.id.as_deref(), Some("c1"));
        assert_eq!(builder.finish_reason.as_deref(), Some("stop"));
        let usage = builder.usage.expect("the last chunk has it");
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (5, 2));
    }
}
