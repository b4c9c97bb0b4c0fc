// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Passes on the streamed answer of a vision model, event by event.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::v1::proxied_question::ProxiedQuestion;
use crate::vision::engine::EngineError;
use crate::vision::engine::vlm::Vlm;

/// The maximum length of an event.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// How much of an answer is recorded.
const MAX_RECORDED_BYTES: usize = 64 * 1024;
/// The data of the last event.
const LAST_EVENT_DATA: &str = "[DONE]";

pub(crate) struct ProxiedStream {
    vlm: Vlm,
    response: reqwest::Response,
    /// The model counts as busy until the answer is complete.
    _permit: OwnedSemaphorePermit,
    question: ProxiedQuestion,
    /// Received bytes that are not a whole event yet.
    rest: Vec<u8>,
    text: String,
    /// The last event was passed on, or the answer broke off.
    finished: bool,
}

impl ProxiedStream {
    pub(crate) fn new(
        vlm: Vlm,
        response: reqwest::Response,
        turn: OwnedSemaphorePermit,
        question: ProxiedQuestion,
    ) -> Result<Self, EngineError> {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(vlm.failed(&format!(
                "a streamed answer was requested, but it sends `{kind}`"
            )));
        }
        Ok(ProxiedStream {
            vlm,
            response,
            _permit: turn,
            question,
            rest: Vec::new(),
            text: String::new(),
            finished: false,
        })
    }

    /// The next event. An error aborts the response, so that the client sees that the answer is incomplete.
    async fn next(mut self) -> Option<(Result<Bytes, EngineError>, Self)> {
        if self.finished {
            return None;
        }
        let event = self.event().await.and_then(|event| self.convert(&event));
        if event.is_err() {
            self.finished = true;
            // The server only flushes earlier events when the stream has nothing ready for a moment.
            tokio::task::yield_now().await;
        }
        Some((event, self))
    }

    /// The data of the next event.
    async fn event(&mut self) -> Result<String, EngineError> {
        loop {
            if let Some(event) = take_event(&mut self.rest) {
                match event {
                    Some(data) => return Ok(data),
                    // A comment, which keeps the connection alive.
                    None => continue,
                }
            }
            if self.rest.len() > MAX_EVENT_BYTES {
                return Err(self.vlm.failed("a chunk of its answer is too long"));
            }
            let streams = self.question.media.iter();
            let streams = streams.map(|media| Box::pin(media.live.end_token.cancelled()));
            let ended = async {
                // The question names no stream, so none can end.
                if streams.len() == 0 {
                    std::future::pending::<()>().await;
                }
                select_all(streams).await
            };
            let more = tokio::select! {
                more = self.vlm.chunk(&mut self.response) => more?,
                _ = ended => {
                    return Err(self.vlm.failed("the stream ended"));
                }
            };
            match more {
                Some(bytes) => self.rest.extend(bytes),
                None => return Err(self.vlm.failed("its answer broke off")),
            }
        }
    }

    /// Converts an event to the one that is passed on.
    fn convert(&mut self, data: &str) -> Result<Bytes, EngineError> {
        let line = |data: &str| Bytes::from(format!("data: {data}\n\n"));
        if data == LAST_EVENT_DATA {
            self.finished = true;
            (self.question.record_answer)(&self.question.request, &self.question.media, &self.text);
            return Ok(line(data));
        }
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(data) else {
            return Err(self
                .vlm
                .failed(&format!("not a chunk of an answer: {data}")));
        };
        let choice = chunk.get("choices").and_then(|choices| choices.get(0));
        let content = choice.and_then(|choice| choice.pointer("/delta/content"));
        if let Some(content) = content.and_then(Value::as_str)
            && self.text.len() + content.len() <= MAX_RECORDED_BYTES
        {
            self.text.push_str(content);
        }
        if choice.is_some_and(|choice| choice.get("finish_reason").is_some_and(Value::is_string)) {
            chunk.insert("overshoot".to_owned(), self.question.overshoot());
        }
        Ok(line(&Value::Object(chunk).to_string()))
    }
}

/// Takes the first complete server-sent event from the buffer, and returns its data. `None`: there is no
/// complete event; `Some(None)`: it has no data.
fn take_event(bytes: &mut Vec<u8>) -> Option<Option<String>> {
    let lines = |window: &[u8]| matches!(window, [b'\n', b'\n', ..] | [b'\n', b'\r', b'\n']);
    let ends = (0..bytes.len()).find(|at| {
        let window = bytes.get(*at..(at + 3).min(bytes.len()));
        window.is_some_and(lines)
    })?;
    let event: Vec<u8> = bytes.drain(..=ends).collect();
    let blank = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or_default();
    bytes.drain(..=blank);
    let event = String::from_utf8_lossy(&event);
    let data: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect();
    Some((!data.is_empty()).then(|| data.join("\n")))
}

impl IntoResponse for ProxiedStream {
    fn into_response(self) -> Response {
        let events = stream::unfold(self, ProxiedStream::next);
        let mut response = Response::new(Body::from_stream(events));
        super::event_stream::head(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_events_are_taken() {
        let mut bytes = b"data: a\n\n: ping\n\ndata:b\r\ndata: c\r\n\r\ndata: d".to_vec();
        let data = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(take_event(&mut bytes), data("a"));
        assert_eq!(take_event(&mut bytes), Some(None));
        assert_eq!(take_event(&mut bytes), data("b\nc"));
        assert_eq!(take_event(&mut bytes), None);
        bytes.extend(b"\n");
        assert_eq!(take_event(&mut bytes), None);
        bytes.extend(b"\n");
        assert_eq!(take_event(&mut bytes), data("d"));
        assert!(bytes.is_empty());
    }
}
