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

use super::address::Form;
use crate::session::api_version::Api;
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::HttpClient;
use crate::session::secret::Secret;
use crate::session::websocket::{self, Opened, WebSocket};

/// Largest message that is taken: a room of hundreds of participants is well below it.
const MAX_MESSAGE: usize = 1 << 20;
/// A message that can't be written in this time has nobody to read it.
const SEND_BOUND: Duration = Duration::from_secs(5);
/// The same for the good-bye, which nothing depends on.
const GOOD_BYE: Duration = Duration::from_millis(100);

pub struct Signal(WebSocket);

impl Signal {
    /// `None` where the server does not know this form of the protocol (or the room).
    ///
    /// # Errors
    /// The server's refusal, or no connection.
    pub async fn open(
        server: &Url,
        form: Form,
        token: &Secret,
        resumes: Option<&str>,
    ) -> Result<Option<Self>, Error> {
        // The token travels in a header, as addresses end up in logs.
        let http = HttpClient::new(form.address(server, resumes), token, Api::V1).map_err(|error| Error {
            message: "The LiveKit token holds characters that no token has (a line break, perhaps): copy it again."
                .to_owned(),
            stage: Stage::Room,
            ..error
        })?;
        match websocket::open(&http, Stage::Room, form.path(), MAX_MESSAGE).await? {
            Opened::Socket(socket) => Ok(Some(Self(*socket))),
            Opened::Refused(response) if response.status() == 404 => Ok(None),
            Opened::Refused(response) => Err(refused(response.status().as_u16())),
        }
    }

    /// # Errors
    /// Where the connection is gone.
    pub async fn send(&mut self, message: Request) -> Result<(), Error> {
        let request = SignalRequest {
            message: Some(message),
        };
        let bytes = Message::binary(request.encode_to_vec());
        match timeout(SEND_BOUND, self.0.send(bytes)).await {
            Ok(sent) => sent.map_err(lost),
            Err(_) => Err(lost("nothing can be sent any more")),
        }
    }

    /// The next message; what this version does not know is left out.
    ///
    /// # Errors
    /// Where nothing more will come.
    pub async fn next(&mut self) -> Result<Response, Error> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    let response = SignalResponse::decode(bytes).map_err(|error| {
                        Error::new(
                            Kind::Protocol,
                            Stage::Room,
                            format!("A message of the LiveKit server can't be read ({error}): check livekit-url, where it is set."),
                        )
                    })?;
                    if let Some(message) = response.message {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Err(lost("it was closed")),
                // tungstenite answers pings by itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(error)),
            }
        }
    }

    /// Says a last word, as far as that takes no time, and closes.
    pub async fn close(mut self, last: Option<Request>) {
        let all = async {
            if let Some(last) = last {
                // It fails where the connection is gone, which ends us there as well.
                let _ = self.send(last).await;
            }
            self.0.close(None).await
        };
        let _ = timeout(GOOD_BYE, all).await;
    }
}

pub fn lost(cause: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Network,
        Stage::Room,
        format!("The connection to the LiveKit server was lost: {cause}."),
    )
}

/// What a refused handshake means.
fn refused(status: u16) -> Error {
    let (kind, why) = match status {
        401 | 403 => (
            Kind::NotAuthorized,
            "it may have expired, or be for another server: set livekit-token, where it is set, to a new one that grants joining a room and publishing",
        ),
        429 => (Kind::Busy, "it is busy: try again later"),
        500..=599 => (Kind::Server, "it has a failure of its own"),
        _ => (
            Kind::Protocol,
            "check livekit-url, where it is set: it must be a LiveKit server's",
        ),
    };
    let what = match kind {
        Kind::NotAuthorized => "refused the token",
        _ => "refused the connection",
    };
    Error {
        status_code: Some(status),
        ..Error::new(
            kind,
            Stage::Room,
            format!("The LiveKit server {what} (HTTP {status}): {why}."),
        )
    }
}
