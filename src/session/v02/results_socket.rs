//! The results socket: `WS /ws/streams/{id}`.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::session::error::{Error, Kind, Stage};
use crate::session::http::HttpClient;
use crate::session::secret::Secret;
use crate::session::websocket::{self, Opened, WebSocket};

/// Largest message that is taken: an answer of 7680 tokens, the most that the service grants,
/// with its prompt, is well below it.
const MAX_MESSAGE: usize = 1 << 20;

/// A close frame that can't be written in this time is not worth waiting for.
const GOOD_BYE: Duration = Duration::from_millis(50);

/// Silence after which the service is pinged, and again after each ping: less than the minute after
/// which home routers and load balancers forget a connection.
const PING_AFTER: Duration = Duration::from_secs(10);

pub struct Socket {
    stream: WebSocket,
    /// When anything came last, or the last ping was sent.
    quiet_since: Instant,
    /// A ping was sent, and nothing came since.
    pinged: bool,
    /// Pings are answered here. Of a service that never did, silence means nothing.
    answers_pings: bool,
}

/// What came from the socket.
pub enum Received {
    /// A text message, and when it came.
    Text(String, Instant),
    /// A message of a kind that the protocol does not have.
    Unexpected(&'static str),
    /// Nothing more will come. Whether that is worth a reconnect is for [`is_final`] to say.
    Ended(Error),
}

/// Whether the end of the socket means the end of the stream: a refusal that a repetition does not
/// change, or the service's own word that the stream ended. Any other end is worth a new connection.
pub fn is_final(error: &Error) -> bool {
    !error.retryable() || matches!(error.kind, Kind::StreamEnded | Kind::NotFound)
}

impl Socket {
    /// Connects and sends the key, as the protocol's first message.
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
        let mut socket = match websocket::open(http, Stage::Socket, &path, MAX_MESSAGE).await? {
            Opened::Socket(socket) => *socket,
            Opened::Refused(response) => return Err(http.refusal(Stage::Socket, response).await),
        };
        let hello = json!({ "api_key": secret.reveal() }).to_string();
        socket.send(Message::text(hello)).await.map_err(lost)?;
        // Tells whether pings are answered here.
        let ping = Message::Ping(Bytes::new());
        socket.send(ping).await.map_err(lost)?;
        Ok(Self {
            stream: socket,
            quiet_since: Instant::now(),
            pinged: false,
            answers_pings: false,
        })
    }

    /// Says good-bye, as far as that takes no time: the stream's end does not depend on it.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(GOOD_BYE, self.stream.close(None)).await;
    }

    /// The next thing that the service says. It can be cancelled at any moment.
    pub async fn next(&mut self) -> Received {
        loop {
            let message = tokio::select! {
                biased;
                message = self.stream.next() => message,
                () = sleep_until((self.quiet_since + PING_AFTER).into()) => {
                    if let Some(gone) = self.ping().await {
                        return gone;
                    }
                    continue;
                }
            };
            self.quiet_since = Instant::now();
            self.pinged = false;
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Received::Text(text.as_str().to_owned(), self.quiet_since);
                }
                Some(Ok(Message::Binary(_))) => return Received::Unexpected("a binary message"),
                Some(Ok(Message::Pong(_))) => self.answers_pings = true,
                // tungstenite answers pings by itself.
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => return Received::Ended(closed(frame)),
                Some(Err(error)) => return Received::Ended(lost(error)),
                None => return Received::Ended(lost("the connection was closed")),
            }
        }
    }

    /// Asks a silent service whether it is there; says so where it is not.
    async fn ping(&mut self) -> Option<Received> {
        if self.pinged && self.answers_pings {
            return Some(Received::Ended(lost("the service answers no more")));
        }
        self.pinged = true;
        self.quiet_since = Instant::now();
        let sent = self.stream.send(Message::Ping(Bytes::new())).await;
        sent.err().map(|error| Received::Ended(lost(error)))
    }
}

fn lost(cause: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Network,
        Stage::Socket,
        format!("The results socket was lost: {cause}."),
    )
}

/// What a close frame means (protocol, section 1).
fn closed(frame: Option<CloseFrame>) -> Error {
    let Some(frame) = frame else {
        return lost("it was closed without a reason");
    };
    let code = u16::from(frame.code);
    let reason = frame.reason.as_str();
    let error = match (code, reason.strip_prefix("stream ended:").map(str::trim)) {
        (1008, _) => Error::new(
            Kind::NotAuthorized,
            Stage::Socket,
            "The results socket refused the API key: set a valid key with api-key or OVERSHOOT_API_KEY.",
        ),
        (1001, Some("insufficient_credits")) => Error::new(
            Kind::OutOfCredits,
            Stage::Socket,
            "The service ended the stream: the account is out of credits. Top it up and start again.",
        ),
        (1001, Some(reason)) => Error::new(
            Kind::StreamEnded,
            Stage::Socket,
            format!("The service ended the stream: {reason}."),
        ),
        _ => lost(format!("closed with code {code} {reason:?}")),
    };
    Error {
        status_code: Some(code),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes() {
        let frame = |code: u16, reason: &str| {
            Some(CloseFrame {
                code: code.into(),
                reason: reason.to_owned().into(),
            })
        };
        for (frame, kind, is_end) in [
            (frame(1008, "bad key"), Kind::NotAuthorized, true),
            (
                frame(1001, "stream ended: insufficient_credits"),
                Kind::OutOfCredits,
                true,
            ),
            (
                frame(1001, "stream ended: lease_expired"),
                Kind::StreamEnded,
                true,
            ),
            (frame(1001, "going away"), Kind::Network, false),
            (frame(1000, ""), Kind::Network, false),
            (frame(1011, "oops"), Kind::Network, false),
            (None, Kind::Network, false),
        ] {
            let error = closed(frame);
            assert_eq!(error.kind, kind, "{error}");
            assert_eq!(is_final(&error), is_end, "{error}");
        }
    }
}
