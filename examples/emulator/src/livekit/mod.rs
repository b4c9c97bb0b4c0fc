//! LiveKit rooms: where a stream's video comes from when it was not an SDP offer (rules 7 and 16).
//!
//! `host` is the emulator's own room, with `front` as its door, `signal` its connection, `tracks`
//! and `describe` what it says about them; `guest` joins a room of somebody else's. `token` makes
//! and reads access tokens, and `peer` is the WebRTC end of both.

pub(crate) mod endpoints;
mod hs256;
mod join_request;
mod participant;
mod room;
mod room_info;
mod signal_socket;
mod token;
mod tracks;
mod visit;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::header;
use tokio::sync::mpsc;

pub(crate) use room::{Door, Host, Knock};
pub(crate) use token::Keys;
pub(crate) use visit::{Guest, Refusal, join};

use crate::faults::fault::Fault;
use crate::http::request::Incoming;
use crate::media::peer_command::Command;
use crate::media::receiver;
use crate::records::snapshot::EndReason;
use crate::service::app::App;
use crate::service::config::LivekitServer;
use crate::service::stream::Live;
use crate::v02::error::ApiError;
use token::Grants;

/// How long a room may be without its publisher: as long as a client's reconnect takes, and its
/// pause before that.
pub(crate) const DEPARTURE: Duration = Duration::from_secs(5);
/// How long a token is good. A keepalive brings a new one long before.
const TOKEN_TTL: Duration = Duration::from_secs(600);
/// The one who publishes, in every room: a second client is the same participant, and takes over.
const PUBLISHER: &str = "publisher";

/// Where a stream's pictures come in.
pub(crate) enum Inlet {
    /// The peer that answered an SDP offer.
    Direct(Box<receiver::Peer>),
    /// A room of this emulator's.
    Host(Host),
    /// A room elsewhere, joined.
    Guest(Box<Guest>),
    /// A room elsewhere, left alone.
    Nothing,
}

impl Inlet {
    /// Receives until the stream is over.
    pub(crate) async fn run(self, live: Arc<Live>, app: Arc<App>) {
        match self {
            Inlet::Direct(peer) => receiver::run(*peer, live, app).await,
            Inlet::Host(host) => host.run(live, app).await,
            Inlet::Guest(guest) => guest.run(live, app).await,
            Inlet::Nothing => live.over.cancelled().await,
        }
    }

    /// What a stream ends with where this fails.
    pub(crate) fn broken(&self) -> EndReason {
        match self {
            Inlet::Direct(_) => EndReason::WebrtcDisconnected,
            Inlet::Host(_) | Inlet::Guest(_) | Inlet::Nothing => EndReason::LivekitDisconnected,
        }
    }
}

/// What a publisher needs.
pub(crate) struct Access {
    pub url: String,
    pub token: String,
}

/// Makes the room of a new stream, here or on the LiveKit server of the settings.
pub(crate) async fn open(app: &Arc<App>, live: &Live) -> Result<Inlet, ApiError> {
    let Some(server) = &app.config.livekit else {
        let (door, host) = room::make();
        // A stream is given one room, once.
        let _ = live.room.set(Some(door));
        return Ok(Inlet::Host(host));
    };
    let grants = Grants::watcher(&live.id);
    let token = keys_of(server).sign(&grants, TOKEN_TTL, false);
    match join(&server.url, &token).await {
        Ok(guest) => {
            let _ = live.room.set(None);
            Ok(Inlet::Guest(Box::new(guest)))
        }
        Err(refusal) => Err(ApiError::internal(format!(
            "the LiveKit server of --livekit-url: {}",
            refusal.why()
        ))),
    }
}

/// What the publisher of a stream is told, with a fresh token each time.
pub(crate) fn access_of(incoming: &Incoming, live: &Live) -> Access {
    let headers = &incoming.parts.headers;
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let expired = matches!(incoming.fault, Some(Fault::ExpiredToken));
    access(&incoming.app, live, host.unwrap_or_default(), expired)
}

/// The same; `host` as the client wrote it, since that is how it reaches this machine.
fn access(app: &App, live: &Live, host: &str, expired: bool) -> Access {
    let grants = Grants::publisher(&live.id, PUBLISHER);
    match &app.config.livekit {
        Some(server) => Access {
            url: server.url.clone(),
            token: keys_of(server).sign(&grants, TOKEN_TTL, expired),
        },
        None => Access {
            url: format!("ws://{host}"),
            token: app.keys.sign(&grants, TOKEN_TTL, expired),
        },
    }
}

fn keys_of(server: &LivekitServer) -> Keys {
    Keys::new(server.key.clone(), server.secret.clone())
}

/// Milliseconds since 1970, as signalling counts them.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A LiveKit id: a prefix that says of what, and twelve characters.
fn sid(prefix: &str) -> String {
    let random = format!("{:016x}", crate::util::random());
    format!("{prefix}{}", random.get(..12).unwrap_or(&random))
}

/// What is waiting for a media task.
fn commands() -> (mpsc::Sender<Command>, mpsc::Receiver<Command>) {
    // Offers are answered one by one; a client has a handful of candidates.
    mpsc::channel(64)
}
