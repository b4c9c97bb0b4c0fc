//! A LiveKit room, as far as a publisher of one video track needs it: signalling only, the media is
//! the caller's.
//!
//! | module | concern |
//! |---|---|
//! | [`address`] | where to join, and by which form of the protocol |
//! | [`signal`] | the socket |
//! | [`publish`] | the track, its offer and answer, candidates both ways |
//! | [`leave`] | why the server ends it |
//! | [`failure`] | what can go wrong, in words |
//! | [`room`] | from the join to the good-bye: one `select!` loop |
//!
//! One connection is made, which sends: either it serves both directions (`/rtc/v1`), or it is the
//! first of two, of which the other one is never needed (`/rtc` with protocol 2). So no participant
//! is dropped for a subscriber connection that it never makes (see [`address`]).

pub mod address;
pub mod failure;
pub mod leave;
pub mod publish;
pub mod room;
pub mod signal;

use std::time::Duration;

use livekit_protocol::IceServer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::Error;
use super::protocol::{OneOrMany, TurnServer};
use super::secret::Secret;

/// Events that may wait. Candidates come in dozens at the most.
const EVENTS: usize = 64;
/// The same the other way.
const COMMANDS: usize = 64;

/// What is needed to join.
pub struct Config {
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

pub(super) enum Command {
    Publish(Publication),
    Candidate(Candidate),
    Token(Secret),
}

/// A room that is being joined, or was. Dropping it leaves the room.
pub struct Room {
    stop: CancellationToken,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Room {
    /// Joins. The events end (`None`) when it is over, on whatever path.
    pub fn connect(runtime: &Handle, config: Config) -> (Self, mpsc::Receiver<RoomEvent>) {
        let (events, received) = mpsc::channel(EVENTS);
        let (commands, commanded) = mpsc::channel(COMMANDS);
        let stop = CancellationToken::new();
        let task = runtime.spawn(room::run(config, stop.clone(), events, commanded));
        let room = Self {
            stop,
            commands,
            task,
        };
        (room, received)
    }

    /// Publishes the track; once only.
    pub fn publish(&self, publication: Publication) {
        self.command(Command::Publish(publication));
    }

    /// Tells the server a candidate; it is held back until the offer is sent.
    pub fn add_candidate(&self, candidate: Candidate) {
        self.command(Command::Candidate(candidate));
    }

    /// A newer token, for when the connection is to be resumed.
    pub fn refresh(&self, token: Secret) {
        self.command(Command::Token(token));
    }

    fn command(&self, command: Command) {
        // Full: candidates beyond the first dozens are not missed. Closed: it is over, which the
        // events tell.
        let _ = self.commands.try_send(command);
    }

    /// Begins to leave the room.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Leaves the room and waits for the end, which takes no time that counts.
    pub async fn leave(mut self) {
        self.stop.cancel();
        // It fails where the task panicked, which the panic hook has told already.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.stop.cancel();
    }
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
