// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The results socket: `WS /ws/streams/{id}`.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::close_frame::error_from_close;
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::HttpClient;
use crate::session::protocol::without_nul;
use crate::session::secret::Secret;
use crate::session::websocket::{self, Handshake, WebSocket};

/// The largest message that is read. An answer of 7680 tokens, the service's maximum, is far smaller, even
/// with its prompt.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The limit for writing the close frame, which the stream's end does not depend on.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(50);

/// The silence after which a ping is sent. It is less than the minute after which home routers and load
/// balancers forget a connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);

pub struct ResultsSocket {
    stream: WebSocket,
    key: Secret,
    /// The service has sent a text, so it has accepted the key.
    has_answers: bool,
    /// When the last message came or the last ping was sent.
    silent_since: Instant,
    /// A ping was sent, and nothing has come since.
    pinged: bool,
    /// The service has answered a ping. If it never does, silence means nothing.
    answers_pings: bool,
}

/// What the socket brings.
pub enum SocketEvent {
    /// A text message and the time of its arrival.
    Text(String, Instant),
    /// A kind of message that the protocol does not have.
    Unexpected(&'static str),
    /// Nothing more will come. [`is_final`] says whether to connect again.
    Ended(Error),
}

/// Whether the end of the socket is the end of the stream: the service refuses the connection for good, or
/// says that the stream has ended. After any other end, a new connection can help.
pub fn is_final(error: &Error) -> bool {
    !error.retryable() || matches!(error.kind, Kind::StreamEnded | Kind::NotFound)
}

impl ResultsSocket {
    /// Connects and sends the key, the first message of the protocol.
    ///
    /// # Errors
    /// The service's refusal, or no connection within `timeout`.
    pub async fn connect(
        http: &HttpClient,
        stream_id: &str,
        key: &Secret,
        timeout: Duration,
    ) -> Result<Self, Error> {
        tokio::time::timeout(timeout, Self::open(http, stream_id, key))
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    Kind::Timeout,
                    Stage::Socket,
                    "The results socket did not open in time.",
                ))
            })
    }

    async fn open(http: &HttpClient, stream_id: &str, secret: &Secret) -> Result<Self, Error> {
        let path = ["ws", "streams", stream_id];
        let mut socket =
            match websocket::open(http, Stage::Socket, &path, MAX_MESSAGE_BYTES).await? {
                Handshake::Accepted(socket) => *socket,
                Handshake::Refused(response) => {
                    return Err(http.error_from(Stage::Socket, &path, response).await);
                }
            };
        let first_message = json!({ "api_key": secret.reveal() }).to_string();
        socket
            .send(Message::text(first_message))
            .await
            .map_err(lost)?;
        // Finds out whether the service answers pings.
        let ping = Message::Ping(Bytes::new());
        socket.send(ping).await.map_err(lost)?;
        Ok(Self {
            stream: socket,
            key: secret.clone(),
            has_answers: false,
            silent_since: Instant::now(),
            pinged: false,
            answers_pings: false,
        })
    }

    /// Closes the connection, but does not wait long for that.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.stream.close(None)).await;
    }

    /// Waits for the next event. It can be cancelled at any moment.
    pub async fn next(&mut self) -> SocketEvent {
        loop {
            let message = tokio::select! {
                biased;
                message = self.stream.next() => message,
                () = sleep_until((self.silent_since + PING_INTERVAL).into()) => {
                    if let Some(ended) = self.ping().await {
                        return ended;
                    }
                    continue;
                }
            };
            self.silent_since = Instant::now();
            self.pinged = false;
            match message {
                Some(Ok(Message::Text(text))) => {
                    self.has_answers = true;
                    // The text is passed on, where a byte order mark would be in the middle of a file.
                    let text = text.as_str().trim_start_matches('\u{feff}');
                    let text = without_nul(text.to_owned());
                    return SocketEvent::Text(text, self.silent_since);
                }
                // Some gateways send text in binary messages.
                Some(Ok(Message::Binary(bytes))) if bytes.starts_with(b"{") => {
                    self.has_answers = true;
                    let text = without_nul(String::from_utf8_lossy(&bytes).into_owned());
                    return SocketEvent::Text(text, self.silent_since);
                }
                Some(Ok(Message::Binary(_))) => return SocketEvent::Unexpected("a binary message"),
                Some(Ok(Message::Pong(_))) => self.answers_pings = true,
                // tungstenite answers pings by itself.
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return SocketEvent::Ended(match frame {
                        // The reason may repeat the key.
                        Some(frame) => error_from_close(
                            frame.code.into(),
                            &frame.reason.replace(self.key.reveal(), "…"),
                            self.has_answers,
                        ),
                        None => lost("it was closed without a reason"),
                    });
                }
                Some(Err(error)) => return SocketEvent::Ended(lost(error)),
                None => return SocketEvent::Ended(lost("the connection was closed")),
            }
        }
    }

    /// Sends a ping, unless the last one had no answer: then the connection is lost.
    async fn ping(&mut self) -> Option<SocketEvent> {
        if self.pinged && self.answers_pings {
            return Some(SocketEvent::Ended(lost(
                "the service does not answer any more",
            )));
        }
        self.pinged = true;
        self.silent_since = Instant::now();
        let sent = self.stream.send(Message::Ping(Bytes::new())).await;
        sent.err().map(|error| SocketEvent::Ended(lost(error)))
    }
}

fn lost(cause: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Network,
        Stage::Socket,
        format!("The connection of the results socket was lost: {cause}."),
    )
}
