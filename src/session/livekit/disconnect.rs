// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Why a LiveKit server ends the connection, and what to do then.

use livekit_protocol::leave_request::Action;
use livekit_protocol::{DisconnectReason, LeaveRequest};

use crate::session::error::{Error, Kind, Stage};

/// What the server asks for by a `Leave`.
pub enum Disconnect {
    /// Resume the signalling connection; the media goes on.
    Resume(Error),
    /// The participant is out of the room. The error says whether to try again.
    Final(Error),
}

impl Disconnect {
    pub fn from_leave(leave: &LeaveRequest) -> Self {
        let reason = leave.reason();
        let error = |kind, why: &str| {
            let message = format!(
                "The LiveKit server ended the connection ({}): {why}.",
                reason.as_str_name()
            );
            Error::new(kind, Stage::Room, message)
        };
        match (leave.action(), reason) {
            (Action::Resume, _) => {
                Disconnect::Resume(error(Kind::Network, "the element resumes it"))
            }
            (_, DisconnectReason::DuplicateIdentity) => Disconnect::Final(error(
                Kind::NotAuthorized,
                "another participant has joined with the same identity; set livekit-token to a token with its own identity for each participant",
            )),
            (Action::Reconnect, _) => {
                Disconnect::Final(error(Kind::Network, "the element connects again"))
            }
            // Older servers have no actions.
            _ if leave.can_reconnect => {
                Disconnect::Final(error(Kind::Network, "the element connects again"))
            }
            (_, DisconnectReason::ServerShutdown) => {
                Disconnect::Final(error(Kind::Network, "the server shuts down"))
            }
            (_, DisconnectReason::ParticipantRemoved) => {
                Disconnect::Final(error(Kind::StreamEnded, "this participant was removed"))
            }
            (_, DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed) => {
                Disconnect::Final(error(Kind::StreamEnded, "the room is gone"))
            }
            _ => Disconnect::Final(error(Kind::Network, "it gives no reason")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_actions() {
        let leave = |action: Action, reason: DisconnectReason, can_reconnect| {
            Disconnect::from_leave(&LeaveRequest {
                can_reconnect,
                reason: reason.into(),
                action: action.into(),
                regions: None,
            })
        };
        let final_error = |disconnect| match disconnect {
            Disconnect::Final(error) => (error.kind, error.retryable()),
            Disconnect::Resume(error) => panic!("{error}"),
        };
        assert!(matches!(
            leave(Action::Resume, DisconnectReason::UnknownReason, false),
            Disconnect::Resume(_)
        ));
        for (action, reason, can_reconnect, kind, retryable) in [
            (
                Action::Reconnect,
                DisconnectReason::StateMismatch,
                false,
                Kind::Network,
                true,
            ),
            (
                Action::Disconnect,
                DisconnectReason::StateMismatch,
                true,
                Kind::Network,
                true,
            ),
            (
                Action::Disconnect,
                DisconnectReason::DuplicateIdentity,
                false,
                Kind::NotAuthorized,
                false,
            ),
            (
                Action::Disconnect,
                DisconnectReason::RoomDeleted,
                false,
                Kind::StreamEnded,
                true,
            ),
            (
                Action::Disconnect,
                DisconnectReason::ServerShutdown,
                false,
                Kind::Network,
                true,
            ),
        ] {
            let kind_and_retry = final_error(leave(action, reason, can_reconnect));
            assert_eq!(kind_and_retry, (kind, retryable), "{reason:?}");
        }
    }
}
