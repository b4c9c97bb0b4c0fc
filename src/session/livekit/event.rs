//! What a room needs, is told and tells.

use std::time::Duration;

use livekit_protocol::IceServer;
use url::Url;

use crate::session::error::Error;
use crate::session::protocol::{OneOrMany, TurnServer};
use crate::session::secret::Secret;

/// What is needed to join.
pub struct RoomConfig {
    /// As [`address::server`] gives it.
    pub server: Url,
    pub token: Secret,
    /// For the way into the room.
    pub timeout: Duration,
}

/// What a room tells.
#[derive(Debug)]
pub enum RoomEvent {
    /// The room is joined: an offer can be made.
    Joined(Joined),
    /// The SDP answer to the offer.
    Answer(String),
    /// A candidate of the server's; none comes before the answer.
    Candidate(Candidate),
    /// A token that lives longer than the one before.
    Refreshed(Secret),
    /// The connection was lost for this reason and is back; media went on.
    Resumed(Error),
    /// It is over.
    Ended(Error),
}

/// What the server said at the door.
#[derive(Debug)]
pub struct Joined {
    pub ice_servers: Vec<TurnServer>,
    /// `video/VP8` and the like; empty where the server does not tell.
    pub codecs: Vec<String>,
}

/// An ICE candidate, as RTCIceCandidateInit has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub candidate: String,
    /// None: there is one media section only.
    #[serde(rename = "sdpMLineIndex")]
    pub mline: Option<u32>,
}

/// The track to publish, and the offer to send it by.
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
        let told = |text: String| (!text.is_empty()).then_some(text);
        Self {
            urls: OneOrMany::Many(server.urls),
            username: told(server.username),
            credential: told(server.credential),
        }
    }
}
