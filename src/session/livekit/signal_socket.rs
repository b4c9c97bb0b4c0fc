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
use crate::session::error::{Error, Kind, Speaker, Stage, into_sentence};
use crate::session::error_body::ErrorBody;
use crate::session::error_response::ErrorResponse;
use crate::session::http::HttpClient;
use crate::session::judgement::Refusal;
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
            Handshake::Refused(response) => {
                let response = http.error_response(Stage::Room, response).await;
                let worked = resumed_sid.is_some();
                // A mode that worked before is known: something on the way answered.
                match response.status == 404 && !(worked && response.is_page()) {
                    true => Ok(None),
                    false => Err(handshake_refused(&response, worked)),
                }
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

/// The error for a refused handshake. A LiveKit server sends plain text, something on the way a page. `worked`: the
/// same token and address worked before.
fn handshake_refused(response: &ErrorResponse, worked: bool) -> Error {
    let status = response.status;
    let refusal = Refusal {
        stage: Stage::Room,
        status,
        speaker: match response.is_page() && status >= 400 {
            true => Speaker::OnTheWay,
            false => Speaker::Service,
        },
        worked,
        names_region: false,
    };
    let (kind, may_pass) = match refusal.judge() {
        (Kind::InvalidSettings | Kind::OutOfCredits, may_pass) => (Kind::Protocol, may_pass),
        judged => judged,
    };
    let (what, why) = match kind {
        Kind::NotAuthorized => (
            "token",
            "it may have expired or be for another server: if livekit-token is set, set it to a new one that allows to join the room and to publish",
        ),
        Kind::Busy => ("connection", "it is busy: try again later"),
        Kind::Server | Kind::Timeout => ("connection", "it has an internal error"),
        _ => (
            "connection",
            "check livekit-url (if it is set): it must be the address of a LiveKit server",
        ),
    };
    let message = match refusal.speaker {
        Speaker::Service => {
            let said = ErrorBody::parse(&response.body).message;
            let said = said.map_or_else(String::new, |said| {
                format!(" The server says: {}", into_sentence(said))
            });
            format!("The LiveKit server refused the {what} (HTTP {status}): {why}.{said}")
        }
        Speaker::OnTheWay => format!(
            "Something between here and the LiveKit server answered {} (HTTP {status}{}). If this lasts, check the network (a firewall, a proxy, a sign-in page) and livekit-url (if it is set).",
            response.form(),
            response.origin()
        ),
    };
    Error {
        status_code: Some(status),
        speaker: Some(refusal.speaker),
        retry_after: response.retry_after,
        may_pass,
        ..Error::new(kind, Stage::Room, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_not_the_servers_refusal() {
        let refused = |status, body: &str, worked| {
            let response = ErrorResponse {
                status,
                body: body.to_owned(),
                ..ErrorResponse::default()
            };
            let error = handshake_refused(&response, worked);
            (error.kind, error.retryable(), error.message)
        };
        for status in [403, 408, 409, 421, 425, 451, 499] {
            let (kind, retryable, message) = refused(status, "<html>", false);
            assert_eq!((kind, retryable), (Kind::Network, true), "{status}");
            assert!(message.starts_with("Something between"), "{message}");
            assert!(!message.contains("livekit-token"), "{message}");
        }
        for (status, kind, retryable) in [
            (200, Kind::Protocol, false),
            (400, Kind::Protocol, false),
            (401, Kind::NotAuthorized, false),
            (403, Kind::NotAuthorized, false),
            (429, Kind::Busy, true),
            (503, Kind::Server, true),
            (525, Kind::Server, true),
        ] {
            let judged = refused(status, "no permissions to access the room", false);
            assert_eq!((judged.0, judged.1), (kind, retryable), "{status}");
        }
        assert_eq!(refused(404, "<html>", true).0, Kind::Network);
    }
}
