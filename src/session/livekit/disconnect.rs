//! Why a LiveKit server ends it, and what can be done.

use livekit_protocol::leave_request::Action;
use livekit_protocol::{DisconnectReason, LeaveRequest};

use crate::session::error::{Error, Kind, Stage};

/// What a `Leave` asks for.
pub enum Left {
    /// A new signalling connection; media goes on.
    Resume(Error),
    /// It is over; whether a new attempt can help is for the error to say.
    Over(Error),
}

/// What this `Leave` asks for.
pub fn of(leave: &LeaveRequest) -> Left {
    let reason = leave.reason();
    let error = |kind, why: &str| {
        let message = format!(
            "The LiveKit server ended the connection ({}): {why}.",
            reason.as_str_name()
        );
        Error::new(kind, Stage::Room, message)
    };
    match (leave.action(), reason) {
        (Action::Resume, _) => Left::Resume(error(Kind::Network, "it is to be resumed")),
        (_, DisconnectReason::DuplicateIdentity) => Left::Over(error(
            Kind::NotAuthorized,
            "another participant has joined by the same identity; give each one a token of its own (livekit-token)",
        )),
        (Action::Reconnect, _) => Left::Over(error(Kind::Network, "a new one is to be made")),
        // By older servers, which know no actions.
        _ if leave.can_reconnect => Left::Over(error(Kind::Network, "a new one is to be made")),
        (_, DisconnectReason::ServerShutdown) => {
            Left::Over(error(Kind::Network, "the server stops"))
        }
        (_, DisconnectReason::ParticipantRemoved) => {
            Left::Over(error(Kind::StreamEnded, "this participant was removed"))
        }
        (_, DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed) => {
            Left::Over(error(Kind::StreamEnded, "the room is gone"))
        }
        _ => Left::Over(error(Kind::Network, "it gives no other reason")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_actions() {
        let leave = |action: Action, reason: DisconnectReason, can_reconnect| {
            of(&LeaveRequest {
                can_reconnect,
                reason: reason.into(),
                action: action.into(),
                regions: None,
            })
        };
        let over = |left| match left {
            Left::Over(error) => (error.kind, error.retryable()),
            Left::Resume(error) => panic!("{error}"),
        };
        assert!(matches!(
            leave(Action::Resume, DisconnectReason::UnknownReason, false),
            Left::Resume(_)
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
            let left = over(leave(action, reason, can_reconnect));
            assert_eq!(left, (kind, retryable), "{reason:?}");
        }
    }
}
