//! A model's answer that comes in chunks, question on as it comes (rule 27).

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

/// No event is longer.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// No more of an answer is put on record.
const MAX_RECORDED_BYTES: usize = 64 * 1024;
/// What the last event says.
const LAST_EVENT_DATA: &str = "[DONE]";

pub(crate) struct ProxiedStream {
    vlm: Vlm,
    response: reqwest::Response,
    /// The model is busy with it until then.
    _turn: OwnedSemaphorePermit,
    question: ProxiedQuestion,
    /// What came and is no whole event yet.
    rest: Vec<u8>,
    said: String,
    /// The last event was question on, or it broke off.
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
            return Err(vlm.failed(&format!("chunks were asked for, and it sends `{kind}`")));
        }
        Ok(ProxiedStream {
            vlm,
            response,
            _turn: turn,
            question,
            rest: Vec::new(),
            said: String::new(),
            finished: false,
        })
    }

    /// The next event. An error breaks the answer off, so that the client sees that it is not whole.
    async fn next(mut self) -> Option<(Result<Bytes, EngineError>, Self)> {
        if self.finished {
            return None;
        }
        let event = self.event().await.and_then(|event| self.pass(&event));
        if event.is_err() {
            self.finished = true;
            // What came before is only written once there is nothing more for a moment.
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
                // Of a question that names none, there is none to end.
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

    /// The event as it is question on.
    fn pass(&mut self, data: &str) -> Result<Bytes, EngineError> {
        let line = |data: &str| Bytes::from(format!("data: {data}\n\n"));
        if data == LAST_EVENT_DATA {
            self.finished = true;
            (self.question.record_answer)(&self.question.request, &self.question.media, &self.said);
            return Ok(line(data));
        }
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(data) else {
            return Err(self.vlm.failed(&format!("no chunk of an answer: {data}")));
        };
        let choice = chunk.get("choices").and_then(|choices| choices.get(0));
        let content = choice.and_then(|choice| choice.pointer("/delta/content"));
        if let Some(content) = content.and_then(Value::as_str)
            && self.said.len() + content.len() <= MAX_RECORDED_BYTES
        {
            self.said.push_str(content);
        }
        if choice.is_some_and(|choice| choice.get("finish_reason").is_some_and(Value::is_string)) {
            chunk.insert("overshoot".to_owned(), self.question.overshoot());
        }
        Ok(line(&Value::Object(chunk).to_string()))
    }
}

/// Takes the first whole event of server-sent ones, and gives its data. `None`: there is no whole one;
/// `Some(None)`: it has no data.
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
    fn events_are_taken_whole() {
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
