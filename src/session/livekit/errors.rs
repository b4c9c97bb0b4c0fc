// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors of a room.

use livekit_protocol::{RequestResponse, request_response};

use crate::session::error::{Error, Kind, Stage};

/// Checks the response to a request. The element sends one that can fail: the announcement of the track.
pub fn check_response(response: &RequestResponse) -> Result<(), Error> {
    use request_response::{Reason, Request};
    let about_track = matches!(response.request, None | Some(Request::AddTrack(_)));
    match response.reason() {
        Reason::Ok | Reason::Queued => Ok(()),
        _ if !about_track => Ok(()),
        Reason::NotAllowed => Err(publishing_not_allowed()),
        reason => Err(Error::new(
            Kind::Server,
            Stage::Room,
            format!(
                "The LiveKit server refused the video track ({}).",
                reason.as_str_name()
            ),
        )),
    }
}

pub fn join_timeout() -> Error {
    Error::new(
        Kind::Timeout,
        Stage::Room,
        "The LiveKit server did not answer in time: check the network and livekit-url (if it is set), or raise timeout.",
    )
}

pub fn publishing_not_allowed() -> Error {
    Error::new(
        Kind::NotAuthorized,
        Stage::Room,
        "The LiveKit token does not allow to publish: if livekit-token is set, set it to one with canPublish (and, if it names canPublishSources, the camera among them).",
    )
}

/// The server, or an application by its API, has muted the video track.
pub fn track_muted() -> Error {
    Error::new(
        Kind::Media,
        Stage::Room,
        "The LiveKit server muted the video track, so the service may get no new pictures: unmute it there (MutePublishedTrack), or start the element again.",
    )
}

/// The server, or an application by its API, has removed the video track from the room.
pub fn track_unpublished() -> Error {
    Error::new(
        Kind::Media,
        Stage::Room,
        "The LiveKit server removed the video track from the room, so the service gets no new pictures: allow this participant to publish (canPublish), and start the element again.",
    )
}

/// Whether the server may still let the participant resume: it, or a proxy in front of it, was busy or
/// restarting.
pub fn can_resume_after(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Network | Kind::Server | Kind::Busy | Kind::Timeout
    )
}

/// The server refuses to resume: another try is useless.
pub fn resume_refused(why: &str) -> Error {
    Error::new(Kind::StreamEnded, Stage::Room, format!("{why}."))
}

/// A new attempt can help, whatever the refusal was: it starts with another stream and token.
pub fn not_resumed(error: &Error) -> Error {
    Error::new(
        Kind::Network,
        Stage::Room,
        format!(
            "The connection to the LiveKit server was lost and could not be resumed: {}",
            error.message
        ),
    )
}
