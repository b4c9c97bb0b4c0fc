// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! LiveKit rooms: the rooms that the emulator hosts, and the rooms elsewhere that it joins. Signalling and
//! tokens are here; the WebRTC peers are in `media`.
//!
//! - **Hosted rooms** have one publisher each, and no subscribers: a viewer's token is 403. Create returns
//!   `livekit {url, token}`, and a keepalive a fresh `livekit_token`. Both are valid for ten minutes.
//! - **Endpoints.** `/rtc`, `/rtc/v1` and their `/validate` answer as livekit-server does: 401 for a token that
//!   is missing, bad, expired or of another emulator, 404 for a room that has ended. Tokens allow to publish,
//!   not to subscribe, so the publisher's connection is the primary one.
//! - **Messages** come in livekit-server's order: join, token; a response to each `AddTrack`; an answer without
//!   candidates, with the `id` of the offer and the announced codec first; then the candidates. Video without
//!   an `AddTrack` is dropped. Of several simulcast layers, the best one that arrives is decoded.
//! - **Reconnects.** With `reconnect=1`, a participant that is still in the room resumes; another one is told
//!   to reconnect. A second client with the same token is the same participant, and the first one is sent
//!   `DUPLICATE_IDENTITY`. A participant whose media connection is lost is told to reconnect.
//! - **The end.** After 5 s without a publisher, or without its signalling, the stream's video is lost; a v0.2
//!   stream then ends with `livekit_disconnected`. Until the first publisher joins, only the lease counts. When
//!   the stream ends, the publisher is sent `ROOM_DELETED`; when the emulator stops, `SERVER_SHUTDOWN`.
//! - **The client's own room** is joined before the response. If that fails, the call is 422 with `source.url`
//!   or `source.token`. The first video is decoded. The stream ends when the connection to the room is lost, or
//!   when nobody has published video in it for 5 s.
//! - **A LiveKit server** ([`Config::livekit`](crate::Config::livekit)): the rooms are made there, by tokens.
//!   The emulator joins them hidden, and the previous rule applies.

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

/// How long a room may be without its publisher: the time of a client's reconnect, and its pause before that.
pub(crate) const DEPARTURE_TIMEOUT: Duration = Duration::from_secs(5);

/// A LiveKit room that a stream's video comes from.
pub(crate) enum RoomInput {
    /// A room that this emulator hosts.
    Own(OwnRoom),
    /// A room elsewhere that the emulator has joined.
    Joined(Box<JoinedRoom>),
}

impl RoomInput {
    /// Receives until the stream ends.
    pub(crate) async fn run(self, live: Arc<LiveStream>, app: Arc<App>) {
        match self {
            RoomInput::Own(host) => host.run(live, app).await,
            RoomInput::Joined(joined) => joined.run(live, app).await,
        }
    }
}

/// Milliseconds since 1970, as in signalling messages.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A LiveKit id: a prefix for its type, and twelve characters.
fn livekit_id(prefix: &str) -> String {
    let random = format!("{:016x}", crate::ids::random());
    format!("{prefix}{}", random.get(..12).unwrap_or(&random))
}

/// A channel to the receiver of a peer.
fn commands() -> (mpsc::Sender<PeerCommand>, mpsc::Receiver<PeerCommand>) {
    // Offers are answered one by one, and a client has only a few candidates.
    mpsc::channel(64)
}
