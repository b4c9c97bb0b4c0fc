//! What can go wrong with a room, in words.

use livekit_protocol::{RequestResponse, request_response};

use crate::session::error::{Error, Kind, Stage};

/// What the server made of a request of ours; there is one that can fail.
pub fn check(response: &RequestResponse) -> Result<(), Error> {
    use request_response::{Reason, Request};
    let about_track = matches!(response.request, None | Some(Request::AddTrack(_)));
    match response.reason() {
        Reason::Ok | Reason::Queued => Ok(()),
        _ if !about_track => Ok(()),
        Reason::NotAllowed => Err(may_not_publish()),
        reason => Err(Error::new(
            Kind::Server,
            Stage::Room,
            format!(
                "The LiveKit server does not take the video track ({}).",
                reason.as_str_name()
            ),
        )),
    }
}

pub fn too_late() -> Error {
    Error::new(
        Kind::Timeout,
        Stage::Room,
        "The LiveKit server did not answer in time: check the network and livekit-url, where it is set, or raise timeout.",
    )
}

pub fn may_not_publish() -> Error {
    Error::new(
        Kind::NotAuthorized,
        Stage::Room,
        "The LiveKit token does not allow to publish: set livekit-token, where it is set, to one with canPublish (and the camera among its canPublishSources, where it names any).",
    )
}

/// Whether the server may take the participant back for all that: it, or what stands before it, was
/// busy or being started again.
pub fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Network | Kind::Server | Kind::Busy | Kind::Timeout
    )
}

/// Of a kind that does not pass: it is no use to try that again.
pub fn refused(why: &str) -> Error {
    Error::new(Kind::StreamEnded, Stage::Room, format!("{why}."))
}

/// Worth a new attempt, whatever the refusal was: that one begins with another stream and token.
pub fn not_resumed(error: &Error) -> Error {
    Error::new(
        Kind::Network,
        Stage::Room,
        format!(
            "The connection to the LiveKit server was lost and not resumed: {}",
            error.message
        ),
    )
}
