// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The commands that a room sends to the receiver of its peer.

use tokio::sync::{mpsc, oneshot};

/// In a room, offers and candidates arrive one by one.
pub(crate) enum PeerCommand {
    /// Answer this offer.
    Offer {
        sdp: String,
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Add this remote candidate.
    Candidate(String),
    /// A video track was announced. Video from before that is ignored.
    TrackAnnounced,
}

/// The next command. Waits forever if there can be none.
pub(crate) async fn next(commands: &mut Option<mpsc::Receiver<PeerCommand>>) -> PeerCommand {
    if let Some(receiver) = commands {
        match receiver.recv().await {
            Some(command) => return command,
            None => *commands = None,
        }
    }
    std::future::pending().await
}
