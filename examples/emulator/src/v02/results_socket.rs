// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The WebSocket of a stream: the client sends the key first, then receives one text message for each answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::faults::fault::Fault;
use crate::faults::injected::SocketMessage;
use crate::http::connection::ConnectionHandle;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::records::event::Event;
use crate::records::snapshot::{self, Answer};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::v02::error::V02Error;
use crate::v02::stream_state::V02StreamState;
use crate::v02::subscribers::SocketWrite;
use crate::v02::{V02, set_cookie};

/// The maximum length of a client's message. The only one that matters contains a key.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// How long a client may take to send its key.
const KEY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// RFC 6455 section 7.4.1.
const CLOSE_GOING_AWAY: u16 = 1001;
/// "Policy violation": the service rejects a key with this code.
const CLOSE_POLICY_VIOLATION: u16 = 1008;
/// "Service restart" in the IANA registry: the emulator stops, but no stream ended.
const CLOSE_SERVICE_RESTART: u16 = 1012;

/// How a socket behaves, by an injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketBehaviour {
    Normal,
    RefuseKey,
    Silent,
}

/// One socket.
pub(crate) struct ResultsSocket {
    pub socket: WebSocket,
    pub connection: ConnectionHandle,
    pub live: Arc<LiveStream>,
    pub state: Arc<V02StreamState>,
    pub app: Arc<App>,
    pub behaviour: SocketBehaviour,
}

/// Opens a socket: the handshake.
pub(super) async fn open(api: &V02, incoming: IncomingRequest) -> Result<ApiResponse, V02Error> {
    let IncomingRequest {
        app,
        connection,
        mut parts,
        id,
        fault,
        ..
    } = incoming;
    // The first message says whose stream it is.
    let (live, state) = api.find_alive(&id, None, &parts.headers)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| {
            V02Error::malformed(format!("expected a WebSocket handshake: {rejection}"))
        })?;
    let behaviour = match fault {
        Some(Fault::RefuseKey) => SocketBehaviour::RefuseKey,
        Some(Fault::Silent) => SocketBehaviour::Silent,
        _ => SocketBehaviour::Normal,
    };
    state.route_cookie.renew();
    let cookie = state.route_cookie.set_cookie(&app.config.cookie_attributes);
    let sticky = app.config.sticky;
    // Axum owns the task; with this token the emulator waits for it.
    let token = app.tracker.token();
    let mut response =
        upgrade
            .max_message_size(MAX_MESSAGE_BYTES)
            .on_upgrade(move |socket| async move {
                let connection = ResultsSocket {
                    socket,
                    connection,
                    live,
                    state,
                    app,
                    behaviour,
                };
                connection.serve().await;
                drop(token);
            });
    if sticky {
        set_cookie(&mut response, &cookie);
    }
    Ok(response.into())
}

impl ResultsSocket {
    /// Serves the socket until it is closed.
    pub(crate) async fn serve(mut self) {
        let how = self.run().await;
        self.app.emit(&Event::SocketClosed {
            stream: self.live.id.clone(),
            how,
        });
    }

    async fn run(&mut self) -> String {
        if let Err(why) = self.authenticate().await {
            let reason = format!("invalid key: {why}");
            self.close(CLOSE_POLICY_VIOLATION, &reason).await;
            return reason;
        }
        self.app
            .config
            .control
            .stream(&self.live.id, |stream| stream.socket_connections += 1);
        self.app.emit(&Event::SocketOpened {
            stream: self.live.id.clone(),
        });
        if self.behaviour == SocketBehaviour::Silent {
            return self.stay_silent().await;
        }
        let (number, mut outgoing) = self.state.subscribers.open();
        let how = self.forward(&mut outgoing).await;
        self.state.subscribers.close(number);
        how
    }

    async fn authenticate(&mut self) -> Result<(), String> {
        let end_token = self.live.end_token.clone();
        let first = tokio::select! {
            // The stream has ended: the socket is told so, even without a key.
            () = end_token.cancelled() => None,
            first = timeout(KEY_TIMEOUT, self.first_text()) => {
                Some(first.map_err(|_| format!("no key was sent within {} s", KEY_TIMEOUT.as_secs()))??)
            }
        };
        let Some(first) = first else { return Ok(()) };
        let body: Value = serde_json::from_str(&first)
            .map_err(|_| "the first message must be {\"api_key\": …}".to_owned())?;
        let key = match body.as_object().map(|map| (map.len(), map.get("api_key"))) {
            Some((1, Some(Value::String(key)))) => key,
            _ => return Err("the first message must contain only {\"api_key\": …}".to_owned()),
        };
        if self.behaviour == SocketBehaviour::RefuseKey {
            return Err("refused by an injected fault".to_owned());
        }
        if !self.app.accepts_key(key) || *key != self.live.owner {
            return Err("not the key of this stream".to_owned());
        }
        Ok(())
    }

    async fn first_text(&mut self) -> Result<String, String> {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_))) => {
                    return Err("the first message must be a text message".to_owned());
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Err("the client disconnected before it sent a key".to_owned());
                }
            }
        }
    }

    async fn forward(&mut self, outgoing: &mut mpsc::Receiver<SocketWrite>) -> String {
        let end_token = self.live.end_token.clone();
        loop {
            tokio::select! {
                out = outgoing.recv() => {
                    let Some(out) = out else { return "the stream has ended".to_owned() };
                    if let Some(how) = self.send(out).await {
                        return how;
                    }
                }
                received = self.socket.recv() => {
                    if let Some(how) = client_closed(received) {
                        return how;
                    }
                }
                () = end_token.cancelled() => {
                    // Answers from before the end are still sent.
                    while let Ok(out) = outgoing.try_recv() {
                        if let Some(how) = self.send(out).await {
                            return how;
                        }
                    }
                    return self.close_ended().await;
                }
            }
        }
    }

    async fn stay_silent(&mut self) -> String {
        let end_token = self.live.end_token.clone();
        loop {
            tokio::select! {
                received = self.socket.recv() => {
                    if let Some(how) = client_closed(received) {
                        return how;
                    }
                }
                () = end_token.cancelled() => return "silent until the stream ended".to_owned(),
            }
        }
    }

    async fn close_ended(&mut self) -> String {
        let (code, reason) = match self.live.end_reason() {
            Some(reason) => (CLOSE_GOING_AWAY, format!("stream ended: {reason}")),
            None => (CLOSE_SERVICE_RESTART, "the emulator stops".to_owned()),
        };
        self.close(code, &reason).await;
        reason
    }

    /// Writes one message. `Some`: it was the last one, and the text says why.
    async fn send(&mut self, out: SocketWrite) -> Option<String> {
        let message = match out {
            SocketWrite::Answer { id, text } => {
                let message = Message::text(text.clone());
                self.record(Answer {
                    at: Instant::now(),
                    id,
                    text,
                });
                message
            }
            SocketWrite::Injected(SocketMessage::Text(text)) => Message::text(text),
            SocketWrite::Injected(SocketMessage::Binary(data)) => Message::binary(data),
            SocketWrite::Injected(SocketMessage::Close { code, reason }) => {
                self.close(code, &reason).await;
                return Some(format!("closed with {code} by a fault"));
            }
            SocketWrite::Injected(SocketMessage::Reset) => {
                self.connection.reset();
                return Some("reset by a fault".to_owned());
            }
        };
        match self.socket.send(message).await {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    /// An answer to several sockets is recorded once, for the first socket.
    fn record(&self, answer: Answer) {
        self.app.config.control.stream(&self.live.id, |stream| {
            let known = |known: &Answer| known.id == answer.id;
            if !stream.answers.iter().rev().take(8).any(known) {
                snapshot::push_bounded(&mut stream.answers, snapshot::RECORDS_PER_STREAM, answer);
            }
        });
    }

    /// The closing handshake. Does not wait long for the client.
    async fn close(&mut self, code: u16, reason: &str) {
        // RFC 6455 section 5.5: a control frame holds 125 bytes, 2 of them for the code.
        let reason: String = reason.chars().take(60).collect();
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let handshake = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        // A client that does not answer is disconnected.
        let _ = timeout(CLOSE_TIMEOUT, handshake).await;
    }
}

/// Whether the client has closed the socket, and how.
fn client_closed(received: Option<Result<Message, axum::Error>>) -> Option<String> {
    match received {
        Some(Ok(Message::Close(frame))) => Some(match frame {
            Some(frame) => format!("closed by the client, {}", frame.code),
            None => "closed by the client".to_owned(),
        }),
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error.to_string()),
        None => Some("the client disconnected".to_owned()),
    }
}
