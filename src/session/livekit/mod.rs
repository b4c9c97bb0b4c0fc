//! A LiveKit room, as far as a publisher of one video track needs it: signalling only, the media is
//! the caller's.
//!
//! | module | concern |
//! |---|---|
//! | [`address`] | where to join, and by which form of the protocol |
//! | [`signal_socket`] | the socket |
//! | [`event`] | what a room needs, is told and tells |
//! | [`publish`] | the track, its offer and answer, candidates both ways |
//! | [`disconnect`] | why the server ends it |
//! | [`errors`] | what can go wrong, in words |
//! | [`room`] | from the join to the good-bye: one `select!` loop |
//!
//! One connection is made, which sends: either it serves both directions (`/rtc/v1`), or it is the
//! first of two, of which the other one is never needed (`/rtc` with protocol 2). So no participant
//! is dropped for a subscriber connection that it never makes (see [`address`]).

pub mod address;
pub mod disconnect;
mod errors;
pub mod event;
pub mod publish;
mod room;
mod signal_socket;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::secret::Secret;
use event::Command;
pub use event::{Candidate, Joined, Publication, RoomConfig, RoomEvent};

/// Events that may wait. Candidates come in dozens at the most.
const EVENT_QUEUE: usize = 64;
/// The same the other way.
const COMMAND_QUEUE: usize = 64;

/// A room that is being joined, or was. Dropping it leaves the room.
pub struct Room {
    stop: CancellationToken,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Room {
    /// Joins. The events end (`None`) when it is over, on whatever path.
    pub fn connect(runtime: &Handle, config: RoomConfig) -> (Self, mpsc::Receiver<RoomEvent>) {
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        let (commands, commanded) = mpsc::channel(COMMAND_QUEUE);
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
