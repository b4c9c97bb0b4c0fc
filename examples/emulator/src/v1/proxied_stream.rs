// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Passes on the streamed answer of a vision model, event by event.

use std::collections::VecDeque;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use crate::v1::proxied_question::ProxiedQuestion;
use crate::vision::engine::EngineError;
use crate::vision::engine::vlm::{self, EventReader, LAST_EVENT_DATA, ModelEvent, Vlm};

/// The maximum length of an event.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// How much of an answer is recorded.
const MAX_RECORDED_BYTES: usize = 64 * 1024;

pub(crate) struct ProxiedStream {
    vlm: Vlm,
    response: reqwest::Response,
    /// The model counts as busy until the answer is complete.
    _permit: OwnedSemaphorePermit,
    question: ProxiedQuestion,
    reader: EventReader,
    /// Events that were received.
    events: VecDeque<ModelEvent>,
    text: String,
    /// The model has given its finish reason.
    has_finished: bool,
    /// The last event was passed on, or the answer broke off.
    ended: bool,
}

impl ProxiedStream {
    pub(crate) fn new(
        vlm: Vlm,
        response: reqwest::Response,
        turn: OwnedSemaphorePermit,
        question: ProxiedQuestion,
    ) -> Self {
        ProxiedStream {
            vlm,
            response,
            _permit: turn,
            question,
            reader: EventReader::default(),
            events: VecDeque::new(),
            text: String::new(),
            has_finished: false,
            ended: false,
        }
    }

    /// The next event. An error aborts the response, so that the client sees that the answer is incomplete.
    async fn next(mut self) -> Option<(Result<Bytes, EngineError>, Self)> {
        if self.ended {
            return None;
        }
        let event = self.event().await.and_then(|event| self.convert(event));
        if event.is_err() {
            self.ended = true;
            // The server only flushes earlier events when the stream has nothing ready for a moment.
            tokio::task::yield_now().await;
        }
        Some((event, self))
    }

    /// The next event.
    async fn event(&mut self) -> Result<ModelEvent, EngineError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if self.reader.waiting() > MAX_EVENT_BYTES {
                return Err(self.vlm.failed("a chunk of its answer is too long"));
            }
            let media = self.question.media.iter();
            let streams = media.filter_map(|media| media.stream.as_ref());
            let ends: Vec<_> = streams
                .map(|stream| Box::pin(stream.live.end_token.cancelled()))
                .collect();
            let ended = async {
                // The question names no stream, so none can end.
                if ends.is_empty() {
                    std::future::pending::<()>().await;
                }
                select_all(ends).await
            };
            let more = tokio::select! {
                more = self.vlm.chunk(&mut self.response) => more,
                _ = ended => {
                    return Err(self.vlm.failed("the stream ended"));
                }
            };
            match more {
                Ok(Some(bytes)) => self.events.extend(self.reader.read(&bytes)),
                Err(error) if !self.has_finished => return Err(error),
                // After the model has finished, the end of the answer needs no mark.
                Ok(None) | Err(_) => {
                    self.events.extend(self.reader.finish());
                    if self.has_finished {
                        self.events.push_back(last_event());
                    } else if self.events.is_empty() {
                        return Err(self.vlm.failed("its answer broke off"));
                    }
                }
            }
        }
    }

    /// Converts an event to the one that is passed on.
    fn convert(&mut self, event: ModelEvent) -> Result<Bytes, EngineError> {
        let line = |data: &str| Bytes::from(format!("data: {data}\n\n"));
        let data = event.data;
        if data == LAST_EVENT_DATA {
            self.ended = true;
            (self.question.record_answer)(&self.question.request, &self.question.media, &self.text);
            return Ok(line(&data));
        }
        let chunk = vlm::parse_json(&data);
        if event.name == "error" {
            let why = chunk.as_ref().and_then(vlm::error_in);
            return Ok(self.fail(&why.unwrap_or(data)));
        }
        let Some(Value::Object(mut chunk)) = chunk else {
            // Half a chunk after the answer is no harm.
            if self.has_finished || matches!(data.trim(), "ping" | "null") {
                return Ok(Bytes::from_static(b":\n\n"));
            }
            return Err(self
                .vlm
                .failed(&format!("not a chunk of an answer: {data}")));
        };
        let body = Value::Object(chunk.clone());
        let choice = body.get("choices").and_then(|choices| choices.get(0));
        let failure = vlm::error_in(&body).or_else(|| choice.and_then(vlm::choice_failure));
        if let Some(why) = failure {
            return Ok(self.fail(&why));
        }
        let content = choice.and_then(|choice| choice.pointer("/delta/content"));
        if let Some(content) = content.and_then(vlm::content_text)
            && self.text.len() + content.len() <= MAX_RECORDED_BYTES
        {
            self.text.push_str(&content);
        }
        if choice.is_some_and(|choice| choice.get("finish_reason").is_some_and(Value::is_string)) {
            self.has_finished = true;
            chunk.insert("overshoot".to_owned(), self.question.overshoot());
        }
        Ok(line(&Value::Object(chunk).to_string()))
    }

    /// Ends the answer with an error, in the form of a chunk: the status was sent already.
    fn fail(&mut self, why: &str) -> Bytes {
        self.ended = true;
        let error = json!({
            "message": self.vlm.failed(why).to_string(),
            "type": "upstream_error",
            "code": "upstream_request_failed",
        });
        Bytes::from(format!(
            "data: {}\n\ndata: {LAST_EVENT_DATA}\n\n",
            json!({ "error": error })
        ))
    }
}

fn last_event() -> ModelEvent {
    ModelEvent {
        data: LAST_EVENT_DATA.to_owned(),
        ..ModelEvent::default()
    }
}

impl IntoResponse for ProxiedStream {
    fn into_response(self) -> Response {
        let events = stream::unfold(self, ProxiedStream::next);
        let mut response = Response::new(Body::from_stream(events));
        super::event_stream::head(response.headers_mut());
        response
    }
}
