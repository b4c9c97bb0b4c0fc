// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The signalling socket: protobuf messages over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{SignalRequest, SignalResponse};
use prost::Message as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use super::address::SignallingMode;
use crate::session::api_version::Api;
use crate::session::error::{Error, Kind, Stage, into_sentence};
use crate::session::error_body::ErrorBody;
use crate::session::http::HttpClient;
use crate::session::secret::Secret;
use crate::session::websocket::{self, Handshake, WebSocket};

/// The largest message that is read. Those of a room with hundreds of participants are far smaller.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// The limit for writing a message: after it, the connection counts as lost.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The limit for leaving and closing, which nothing depends on.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

pub struct SignalSocket(WebSocket);

impl SignalSocket {
    /// `None`: the server does not know this signalling mode (or the room).
    ///
    /// # Errors
    /// The server's refusal, or no connection.
    pub async fn open(
        server: &Url,
        mode: SignallingMode,
        token: &Secret,
        resumed_sid: Option<&str>,
    ) -> Result<Option<Self>, Error> {
        // The token is sent in a header: addresses may be logged.
        let http = HttpClient::new(mode.address(server, resumed_sid), token, Api::V1).map_err(|error| Error {
            message: "The LiveKit token contains characters that no token has (perhaps a line break): copy it again."
                .to_owned(),
            stage: Stage::Room,
            ..error
        })?;
        match websocket::open(&http, Stage::Room, mode.path(), MAX_MESSAGE_BYTES).await? {
            Handshake::Accepted(socket) => Ok(Some(Self(*socket))),
            Handshake::Refused(response) if response.status() == 404 => Ok(None),
            Handshake::Refused(response) => {
                let status = response.status().as_u16();
                // What the server says only explains the status.
                let body = timeout(SEND_TIMEOUT, http.error_body(Stage::Room, response)).await;
                let body = body.ok().and_then(Result::ok).unwrap_or_default();
                let said = ErrorBody::parse(&body).message;
                Err(handshake_refused(status, said))
            }
        }
    }

    /// # Errors
    /// The connection is lost.
    pub async fn send(&mut self, message: Request) -> Result<(), Error> {
        let request = SignalRequest {
            message: Some(message),
        };
        let bytes = Message::binary(request.encode_to_vec());
        match timeout(SEND_TIMEOUT, self.0.send(bytes)).await {
            Ok(sent) => sent.map_err(connection_lost),
            Err(_) => Err(connection_lost("nothing can be sent any more")),
        }
    }

    /// Waits for the next message. Messages that this version does not know are skipped.
    ///
    /// # Errors
    /// Nothing more will come.
    pub async fn next(&mut self) -> Result<Response, Error> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    let response = SignalResponse::decode(bytes).map_err(|error| {
                        Error::new(
                            Kind::Protocol,
                            Stage::Room,
                            format!("A message of the LiveKit server can't be read ({error}): check livekit-url (if it is set)."),
                        )
                    })?;
                    if let Some(message) = response.message {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) if !frame.reason.is_empty() => {
                    let (code, reason) = (u16::from(frame.code), frame.reason);
                    return Err(connection_lost(format!(
                        "it was closed with code {code}: {reason}"
                    )));
                }
                Some(Ok(Message::Close(_))) | None => return Err(connection_lost("it was closed")),
                // tungstenite answers pings by itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(connection_lost(error)),
            }
        }
    }

    /// Sends a last message and closes the connection, but does not wait long for that.
    pub async fn close(mut self, last: Option<Request>) {
        let all = async {
            if let Some(last) = last {
                // If the connection is lost, the server drops the participant anyway.
                let _ = self.send(last).await;
            }
            self.0.close(None).await
        };
        let _ = timeout(CLOSE_TIMEOUT, all).await;
    }
}

pub fn connection_lost(cause: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Network,
        Stage::Room,
        format!("The connection to the LiveKit server was lost: {cause}."),
    )
}

/// The error for a refused handshake.
fn handshake_refused(status: u16, said: Option<String>) -> Error {
    let (kind, why) = match status {
        401 | 403 => (
            Kind::NotAuthorized,
            "it may have expired or be for another server: if livekit-token is set, set it to a new one that allows to join the room and to publish",
        ),
        429 => (Kind::Busy, "it is busy: try again later"),
        500..=599 => (Kind::Server, "it has an internal error"),
        _ => (
            Kind::Protocol,
            "check livekit-url (if it is set): it must be the address of a LiveKit server",
        ),
    };
    let what = match kind {
        Kind::NotAuthorized => "refused the token",
        _ => "refused the connection",
    };
    let said = said.map_or_else(String::new, |said| {
        format!(" The server says: {}", into_sentence(said))
    });
    Error {
        status_code: Some(status),
        ..Error::new(
            kind,
            Stage::Room,
            format!("The LiveKit server {what} (HTTP {status}): {why}.{said}"),
        )
    }
}
