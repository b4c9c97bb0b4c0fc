//! The WebSocket of a stream: the key first, then one answer a text message (rule 9).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::faults::fault::Fault;
use crate::faults::messages::SocketMessage;
use crate::http::connection::Wire;
use crate::http::request::{Incoming, Served};
use crate::records::event::Event;
use crate::records::snapshot::{self, Answer};
use crate::service::app::App;
use crate::service::stream::Live;
use crate::v02::error::ApiError;
use crate::v02::stream::Push;
use crate::v02::subscribers::Out;
use crate::v02::{V02, set_cookie};

/// No message of a client is longer; the only one that counts holds a key.
const SOCKET_MESSAGE: usize = 64 * 1024;
/// How long a client may take to send its key.
const KEY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the closing handshake, and one write, may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// RFC 6455 section 7.4.1.
const GOING_AWAY: u16 = 1001;
/// "Policy violation": how the service says that a key is refused.
const REFUSED: u16 = 1008;
/// "Service restart", of the IANA registry: the emulator stops, and no stream ended.
const RESTART: u16 = 1012;

/// How a socket behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    RefuseKey,
    Silent,
}

/// One socket.
pub(crate) struct Connection {
    pub socket: WebSocket,
    pub wire: Wire,
    pub live: Arc<Live>,
    pub push: Arc<Push>,
    pub app: Arc<App>,
    pub manner: Manner,
}

/// Opens a socket: the handshake.
pub(super) async fn open(api: &V02, incoming: Incoming) -> Result<Served, ApiError> {
    let Incoming {
        app,
        wire,
        mut parts,
        id,
        fault,
        ..
    } = incoming;
    // Whose stream it is, the first message tells.
    let (live, push) = api.find_alive(&id, None, &parts.headers)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| {
            ApiError::malformed(format!("a WebSocket handshake is expected: {rejection}"))
        })?;
    let manner = match fault {
        Some(Fault::RefuseKey) => Manner::RefuseKey,
        Some(Fault::Silent) => Manner::Silent,
        _ => Manner::Good,
    };
    push.route.renew();
    let cookie = push.route.set_cookie();
    let sticky = app.config.sticky;
    // Axum owns the task; the token makes the emulator wait for it.
    let token = app.tracker.token();
    let mut response =
        upgrade
            .max_message_size(SOCKET_MESSAGE)
            .on_upgrade(move |socket| async move {
                let connection = Connection {
                    socket,
                    wire,
                    live,
                    push,
                    app,
                    manner,
                };
                connection.serve().await;
                drop(token);
            });
    if sticky {
        set_cookie(&mut response, &cookie);
    }
    Ok(response.into())
}

impl Connection {
    /// Serves it until it is gone.
    pub(crate) async fn serve(mut self) {
        let how = self.run().await;
        self.app.tell(&Event::SocketClosed {
            stream: self.live.id.clone(),
            how,
        });
    }

    async fn run(&mut self) -> String {
        if let Err(why) = self.authenticate().await {
            let reason = format!("invalid key: {why}");
            self.close(REFUSED, &reason).await;
            return reason;
        }
        self.app
            .config
            .control
            .stream(&self.live.id, |stream| stream.socket_connections += 1);
        self.app.tell(&Event::SocketOpened {
            stream: self.live.id.clone(),
        });
        if self.manner == Manner::Silent {
            return self.say_nothing().await;
        }
        let (number, mut outgoing) = self.push.outlet.open();
        let how = self.pump(&mut outgoing).await;
        self.push.outlet.close(number);
        how
    }

    async fn authenticate(&mut self) -> Result<(), String> {
        let over = self.live.over.clone();
        let first = tokio::select! {
            // The end is told to those that have shown a key.
            () = over.cancelled() => None,
            first = timeout(KEY_TIMEOUT, self.first_text()) => {
                Some(first.map_err(|_| format!("none came in {} s", KEY_TIMEOUT.as_secs()))??)
            }
        };
        let Some(first) = first else { return Ok(()) };
        let body: Value = serde_json::from_str(&first)
            .map_err(|_| "the first message must be {\"api_key\": …}".to_owned())?;
        let key = match body.as_object().map(|map| (map.len(), map.get("api_key"))) {
            Some((1, Some(Value::String(key)))) => key,
            _ => return Err("the first message must be {\"api_key\": …} and no more".to_owned()),
        };
        if self.manner == Manner::RefuseKey {
            return Err("refused by an injected fault".to_owned());
        }
        if !self.app.knows(key) || *key != self.live.owner {
            return Err("not the key of this stream".to_owned());
        }
        Ok(())
    }

    async fn first_text(&mut self) -> Result<String, String> {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_))) => return Err("it must be a text message".to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Err("the client left before it sent one".to_owned());
                }
            }
        }
    }

    async fn pump(&mut self, outgoing: &mut mpsc::Receiver<Out>) -> String {
        let over = self.live.over.clone();
        loop {
            tokio::select! {
                out = outgoing.recv() => {
                    let Some(out) = out else { return "the stream is gone".to_owned() };
                    if let Some(how) = self.send(out).await {
                        return how;
                    }
                }
                received = self.socket.recv() => {
                    if let Some(how) = left(received) {
                        return how;
                    }
                }
                () = over.cancelled() => {
                    // What was said before the end is still heard.
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

    async fn say_nothing(&mut self) -> String {
        let over = self.live.over.clone();
        loop {
            tokio::select! {
                received = self.socket.recv() => {
                    if let Some(how) = left(received) {
                        return how;
                    }
                }
                () = over.cancelled() => return "silent to the end".to_owned(),
            }
        }
    }

    async fn close_ended(&mut self) -> String {
        let (code, reason) = match self.live.ended() {
            Some(reason) => (GOING_AWAY, format!("stream ended: {reason}")),
            None => (RESTART, "the emulator stops".to_owned()),
        };
        self.close(code, &reason).await;
        reason
    }

    /// Writes one message; `Some`: that was the last one.
    async fn send(&mut self, out: Out) -> Option<String> {
        let message = match out {
            Out::Answer { id, text } => {
                let message = Message::text(text.clone());
                self.record(Answer {
                    at: Instant::now(),
                    id,
                    text,
                });
                message
            }
            Out::Injected(SocketMessage::Text(text)) => Message::text(text),
            Out::Injected(SocketMessage::Binary(data)) => Message::binary(data),
            Out::Injected(SocketMessage::Close { code, reason }) => {
                self.close(code, &reason).await;
                return Some(format!("closed with {code} by a fault"));
            }
            Out::Injected(SocketMessage::Reset) => {
                self.wire.cut();
                return Some("reset by a fault".to_owned());
            }
        };
        match self.socket.send(message).await {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    /// An answer that goes to several sockets is one record, of the first.
    fn record(&self, answer: Answer) {
        self.app.config.control.stream(&self.live.id, |stream| {
            let known = |known: &Answer| known.id == answer.id;
            if !stream.answers.iter().rev().take(8).any(known) {
                snapshot::push_bounded(&mut stream.answers, snapshot::RECORDS_PER_STREAM, answer);
            }
        });
    }

    /// The closing handshake, as far as the client takes part in it.
    async fn close(&mut self, code: u16, reason: &str) {
        // RFC 6455 section 5.5: a control frame holds 125 bytes, 2 of them the code.
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
        // A client that does not answer is left behind.
        let _ = timeout(CLOSE_TIMEOUT, handshake).await;
    }
}

/// Whether that was the client's last word.
fn left(received: Option<Result<Message, axum::Error>>) -> Option<String> {
    match received {
        Some(Ok(Message::Close(frame))) => Some(match frame {
            Some(frame) => format!("closed by the client, {}", frame.code),
            None => "closed by the client".to_owned(),
        }),
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error.to_string()),
        None => Some("the client is gone".to_owned()),
    }
}
