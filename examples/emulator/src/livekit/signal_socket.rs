// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One signalling connection: protobuf messages over a WebSocket.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request;
use proto::signal_response;
use tokio::time::timeout;

use super::now_ms;
use crate::http::connection::ConnectionHandle;

/// How long one write, or the closing handshake, may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// RFC 6455 section 7.4.1.
const NORMAL: u16 = 1000;

/// A connection. An error ends it, and the participant may come back on another one.
pub(crate) struct SignalSocket {
    pub socket: WebSocket,
    pub connection: ConnectionHandle,
    /// Set by a fault: nothing is written any more, not even a pong.
    pub silent: bool,
}

impl SignalSocket {
    /// The next request. The error: the connection has ended.
    ///
    /// Cancel-safe: no message is lost if this is dropped.
    pub(crate) async fn receive(&mut self) -> Result<signal_request::Message, String> {
        loop {
            let data = match self.socket.recv().await {
                Some(Ok(Message::Binary(data))) => data,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                // JSON. livekit-server accepts it too, but no current client sends it.
                Some(Ok(Message::Text(_))) => return Err("received a text message".to_owned()),
                Some(Ok(Message::Close(_))) => return Err("closed by the client".to_owned()),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the client disconnected".to_owned()),
            };
            let request = proto::SignalRequest::decode(data)
                .map_err(|error| format!("not a request: {error}"))?;
            // Without a message the client is newer than this protocol version.
            if let Some(request) = request.message {
                return Ok(request);
            }
        }
    }

    /// The answer to a ping of either form.
    pub(crate) fn pong(request: &signal_request::Message) -> Option<signal_response::Message> {
        match request {
            signal_request::Message::Ping(_) => Some(signal_response::Message::Pong(now_ms())),
            signal_request::Message::PingReq(ping) => {
                Some(signal_response::Message::PongResp(proto::Pong {
                    last_ping_timestamp: ping.timestamp,
                    timestamp: now_ms(),
                }))
            }
            _ => None,
        }
    }

    /// Writes a response. The error: the connection has ended.
    pub(crate) async fn send(&mut self, response: signal_response::Message) -> Result<(), String> {
        let response = proto::SignalResponse {
            message: Some(response),
        };
        self.send_raw(response.encode_to_vec()).await
    }

    pub(crate) async fn send_raw(&mut self, data: Vec<u8>) -> Result<(), String> {
        if self.silent {
            return Ok(());
        }
        match timeout(WRITE_TIMEOUT, self.socket.send(Message::binary(data))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the client does not read".to_owned()),
        }
    }

    /// The closing handshake. Does not wait long for the client.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame {
            code: NORMAL,
            reason: "".into(),
        };
        let handshake = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        // A client that does not answer is disconnected.
        let _ = timeout(WRITE_TIMEOUT, handshake).await;
    }
}
