// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a room needs, its commands and its events.

use std::time::Duration;

use livekit_protocol::IceServer;
use url::Url;

use crate::session::error::Error;
use crate::session::protocol::{OneOrMany, TurnServer};
use crate::session::secret::Secret;

/// What joining needs.
pub struct RoomConfig {
    /// As [`parse_server`](super::address::parse_server) returns it.
    pub server: Url,
    pub token: Secret,
    /// The limit for joining.
    pub timeout: Duration,
}

/// Something that happened in the room.
#[derive(Debug)]
pub enum RoomEvent {
    /// The participant has joined: an offer can be created.
    Joined(Joined),
    /// The SDP answer to the offer.
    Answer(String),
    /// A candidate of the server. None comes before the answer.
    Candidate(Candidate),
    /// A token that is valid for longer.
    Refreshed(Secret),
    /// The connection was lost for this reason, and is resumed. The media was not interrupted.
    Resumed(Error),
    /// The server did something to the track, and the participant stays.
    Warning(Error),
    /// The participant is no longer in the room.
    Ended(Error),
}

/// What the server says about the room.
#[derive(Debug)]
pub struct Joined {
    pub ice_servers: Vec<TurnServer>,
    /// MIME types such as `video/VP8`; empty if the server does not say.
    pub codecs: Vec<String>,
}

/// An ICE candidate, in the form of RTCIceCandidateInit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub candidate: String,
    /// `None`: there is only one media section.
    #[serde(rename = "sdpMLineIndex")]
    pub mline: Option<u32>,
}

/// The track to publish, and the offer that contains it.
#[derive(Debug)]
pub struct Publication {
    pub sdp: String,
    pub width: u32,
    pub height: u32,
}

pub enum Command {
    Publish(Publication),
    Candidate(Candidate),
    Token(Secret),
}

impl From<IceServer> for TurnServer {
    fn from(server: IceServer) -> Self {
        let non_empty = |text: String| (!text.is_empty()).then_some(text);
        Self {
            urls: OneOrMany::Many(server.urls),
            username: non_empty(server.username),
            credential: non_empty(server.credential),
        }
    }
}
