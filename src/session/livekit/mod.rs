// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The signalling of a LiveKit room, for a participant that publishes one video track. The caller sends the
//! media itself; nothing here touches it.
//!
//! | module | concern |
//! |---|---|
//! | [`address`] | the server's address, and the two signalling modes |
//! | `signal_socket` | the WebSocket of protobuf messages |
//! | [`event`] | what a room needs, its commands and its events |
//! | [`publish`] | the track, its offer and answer, ICE candidates in both directions |
//! | [`disconnect`] | why the server ends the connection, and what to do then |
//! | `errors` | other errors of a room |
//! | `room` | from joining to leaving, in one `select!` loop |
//!
//! There is one media connection, which sends. Either it serves both directions (`/rtc/v1`), or it is the
//! first of two, and the second one is never needed (`/rtc` with protocol 2). So the server never drops the
//! participant because a subscriber connection is missing (see [`address`]).

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

/// Events that may wait. There are dozens of candidates at most.
const EVENT_QUEUE: usize = 64;
/// Commands that may wait.
const COMMAND_QUEUE: usize = 64;

/// The participant's place in a room. Dropping it leaves the room.
pub struct Room {
    stop: CancellationToken,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Room {
    /// Joins. The events end (`None`) when the participant has left, for whatever reason.
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

    /// Publishes the track. To be called once.
    pub fn publish(&self, publication: Publication) {
        self.command(Command::Publish(publication));
    }

    /// Sends the server a candidate, after the offer.
    pub fn add_candidate(&self, candidate: Candidate) {
        self.command(Command::Candidate(candidate));
    }

    /// Sets a newer token, which is used to resume the connection.
    pub fn refresh(&self, token: Secret) {
        self.command(Command::Token(token));
    }

    fn command(&self, command: Command) {
        // If the queue is full, a candidate is dropped: dozens are enough. If the room has ended, there is an
        // event for that.
        let _ = self.commands.try_send(command);
    }

    /// Starts to leave the room.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Leaves the room and waits for the end, which takes a fraction of a second.
    pub async fn leave(mut self) {
        self.stop.cancel();
        // If the task panicked, the panic hook has reported it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
