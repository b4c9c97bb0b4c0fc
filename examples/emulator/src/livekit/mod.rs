//! LiveKit rooms: where a stream's video comes from when it was not an SDP offer (rules 7 and 16).
//!
//! `host` is the emulator's own room, with `front` as its sender, `signal` its connection, `tracks`
//! and `describe` what it says about them; `joined` joins a room of somebody else's. `token` makes
//! and reads access tokens, and `peer` is the WebRTC end of both.

pub(crate) mod endpoints;
mod hs256;
mod join_request;
mod joined_room;
mod own_room;
mod participant;
mod publishers;
mod room_info;
mod rooms;
mod signal_socket;
mod token;
mod tracks;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

pub(crate) use joined_room::{JoinError, join};
pub(crate) use rooms::Rooms;

use crate::media::peer_command::PeerCommand;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use joined_room::JoinedRoom;
use own_room::OwnRoom;

/// How long a room may be without its publisher: as long as a client's reconnect takes, and its
/// pause before that.
pub(crate) const DEPARTURE_TIMEOUT: Duration = Duration::from_secs(5);

/// A LiveKit room that a stream's video comes from.
pub(crate) enum RoomInput {
    /// A room of this emulator's, which the stream's task runs.
    Own(OwnRoom),
    /// A room elsewhere, joined.
    Joined(Box<JoinedRoom>),
}

impl RoomInput {
    /// Receives until the stream is over.
    pub(crate) async fn run(self, live: Arc<LiveStream>, app: Arc<App>) {
        match self {
            RoomInput::Own(host) => host.run(live, app).await,
            RoomInput::Joined(joined) => joined.run(live, app).await,
        }
    }
}

/// Milliseconds since 1970, as signalling counts them.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A LiveKit id: a prefix that says of what, and twelve characters.
fn livekit_id(prefix: &str) -> String {
    let random = format!("{:016x}", crate::ids::random());
    format!("{prefix}{}", random.get(..12).unwrap_or(&random))
}

/// What is waiting for a media task.
fn commands() -> (mpsc::Sender<PeerCommand>, mpsc::Receiver<PeerCommand>) {
    // Offers are answered one by one; a client has a handful of candidates.
    mpsc::channel(64)
}
