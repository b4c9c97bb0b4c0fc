// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The events of a LiveKit room, and the fallback from the direct route to a room.

use super::report;
use super::{Controller, Phase};
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::RoomEvent;
use crate::sink::config::transport::Route;
use crate::sink::{CAT, OvershootSink};

impl Controller {
    pub(super) fn room_event(
        &mut self,
        element: &OvershootSink,
        event: Option<RoomEvent>,
    ) -> Result<(), Error> {
        let has_ended = matches!(self.phase, Phase::Ended(_));
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        match event {
            // The stream can still be asked about.
            Some(RoomEvent::Ended(_)) | None if has_ended => {
                attempt.leave_room();
                Ok(())
            }
            Some(RoomEvent::Joined(joined)) => {
                gst::debug!(CAT, obj = element, "joined the room");
                attempt.room_joined(&self.plan, &joined)
            }
            Some(RoomEvent::Answer(answer)) => self.accept_answer(element, &answer),
            Some(RoomEvent::Candidate(candidate)) => {
                self.add_candidate(&candidate);
                Ok(())
            }
            Some(RoomEvent::Refreshed(token)) => {
                self.route.refresh(&token);
                Ok(())
            }
            Some(RoomEvent::Resumed(cause)) => {
                gst::info!(
                    CAT,
                    obj = element,
                    "{cause} The connection to the room was resumed."
                );
                Ok(())
            }
            Some(RoomEvent::Warning(error)) => {
                report::post_failure(element, &error, false, self.streamed);
                Ok(())
            }
            Some(RoomEvent::Ended(error)) => Err(error),
            None => Err(Error::new(
                Kind::Network,
                Stage::Room,
                "The connection to the LiveKit room ended unexpectedly.",
            )),
        }
    }

    /// Switches to a room if no direct connection to the service can be made. Returns whether it switched.
    pub(super) fn fall_back_to_room(&mut self, error: &Error) -> bool {
        let connection_failed = error.stage == Stage::Connect && error.kind == Kind::Media;
        if !connection_failed || !matches!(self.route, Route::Direct { else_room: true }) {
            return false;
        }
        self.route = Route::Room(None);
        self.room_fallback_cause = Some(error.clone());
        true
    }

    /// Warns that the video goes through a room although the plan's route is direct.
    pub(super) fn warn_of_room_fallback(&self, element: &OvershootSink) {
        if let Some(error) = &self.room_fallback_cause {
            let error = Error {
                message: format!(
                    "{} The video goes through a LiveKit room instead; set transport=livekit to use a room from the start.",
                    error.message
                ),
                ..error.clone()
            };
            report::post_failure(element, &error, false, self.streamed);
        }
    }

    /// The error to report. If the service cannot give a room, it is the error that caused the fallback, and no room
    /// is requested again.
    pub(super) fn original_error(&mut self, error: Error, stream_created: bool) -> Error {
        match self.room_fallback_cause.take() {
            Some(first) if !stream_created => {
                gst::info!(CAT, "the service gives no room to fall back to: {error}");
                self.route = Route::Direct { else_room: false };
                first
            }
            _ => error,
        }
    }
}
