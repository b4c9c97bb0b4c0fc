// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Streamed answers: server-sent events, spread over the time that the answer takes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::sleep_until;

use crate::http::connection::ConnectionHandle;

/// The maximum number of pieces of an answer's text.
const MAX_PIECES: usize = 8;

/// What happens after half of the events, by an injected fault.
pub(crate) enum EventStreamFault {
    None,
    /// The connection is reset.
    BreaksOff(ConnectionHandle),
    /// Nothing more is sent.
    Stalls,
}

/// The events, and when each is due.
pub(crate) struct EventStream {
    events: VecDeque<String>,
    start: Instant,
    pause: Duration,
    /// How many were sent.
    sent: u32,
    fault: EventStreamFault,
    /// The number of events that are left when the fault happens.
    half: usize,
}

impl EventStream {
    /// The last of the `events` is due `latency` after `start`.
    pub(crate) fn new(
        events: Vec<String>,
        start: Instant,
        latency: Duration,
        fault: EventStreamFault,
    ) -> Self {
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
        EventStream {
            half: events.len() / 2,
            events: events.into(),
            start,
            pause: latency / count,
            sent: 0,
            fault,
        }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.events.len() <= self.half {
            match &self.fault {
                EventStreamFault::None => {}
                EventStreamFault::BreaksOff(connection) => {
                    self.pause().await;
                    connection.reset();
                    std::future::pending::<()>().await;
                }
                EventStreamFault::Stalls => std::future::pending().await,
            }
        }
        let event = self.events.pop_front()?;
        self.pause().await;
        self.sent += 1;
        Some((Ok(Bytes::from(format!("data: {event}\n\n"))), self))
    }

    async fn pause(&self) {
        let due = self.start + self.pause * (self.sent + 1);
        sleep_until(due.into()).await;
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let mut response =
            Response::new(Body::from_stream(stream::unfold(self, EventStream::next)));
        head(response.headers_mut());
        response
    }
}

/// Sets the headers of a streamed answer.
pub(crate) fn head(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Splits a text into pieces, none of them empty.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let length = characters.len().div_ceil(MAX_PIECES).max(1);
    let pieces = characters.chunks(length);
    pieces.map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_make_up_the_text() {
        for text in ["", "a", "héllo wörld", "0123456789abcdef0"] {
            let pieces = pieces(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.len() <= MAX_PIECES && pieces.iter().all(|p| !p.is_empty()));
        }
        assert_eq!(pieces("0123456789abcdef0").len(), 6);
    }
}
