// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A client of the WebSocket.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{KEY, WebApp};

const WAIT: Duration = Duration::from_secs(30);

/// A client of the WebSocket.
pub struct Watcher(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Watcher {
    pub async fn of(app: &WebApp, id: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{}/ws/{id}", app.address()))
            .await
            .expect("the session is there");
        Self(socket)
    }

    /// The next message, or the close code at the end.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(WAIT, self.0.next()).await.expect("something comes");
            match message
                .expect("it ends by a close frame")
                .expect("no error")
            {
                Message::Text(text) => {
                    assert!(!text.contains(KEY), "{text}");
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Message::Close(frame) => return Err(frame.expect("with a code").code.into()),
                _ => {}
            }
        }
    }

    /// The next message of this type. Others are skipped.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await.expect("more messages");
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The states up to this one, inclusive.
    pub async fn states(&mut self, last: &str) -> Vec<String> {
        let mut states = Vec::new();
        while states.last().is_none_or(|state| state != last) {
            let state = self.next_of("state").await["state"].take();
            states.push(state.as_str().expect("a word").to_owned());
            // The same state comes again with a new reason.
            states.dedup();
        }
        states
    }
}
