// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The events of a LiveKit room, and the fallback from the direct route to a room.

use super::attempt::Attempt;
use super::report;
use super::room_client::{self, RoomClient};
use super::{Controller, Phase};
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::{Candidate, Joined, RoomEvent};
use crate::session::secret::Secret;
use crate::sink::config::plan::Plan;
use crate::sink::config::transport::Route;
use crate::sink::webrtc::peer::Gathering;
use crate::sink::{CAT, OvershootSink};

impl Attempt {
    pub(super) fn room(&self) -> Option<&RoomClient> {
        self.step.stream()?.room.as_ref()
    }

    /// Sends a candidate that was found after its offer was sent.
    pub fn candidate_found(&self, candidate: Candidate) {
        if let Some(room) = self.room() {
            room.add_candidate(candidate);
        }
    }

    /// Makes the offer after the room was joined.
    ///
    /// # Errors
    /// The room accepts no codec that can be sent.
    pub fn room_joined(&mut self, plan: &Plan, joined: &Joined) -> Result<(), Error> {
        let (Some(room), Some(input)) = (self.room(), self.step.input()) else {
            return Ok(());
        };
        let offered = room_client::accepted_formats(joined, plan.offer(input))?;
        self.peer.add_servers(&room.ice_config(joined, plan));
        self.peer.offer(offered, Gathering::Trickled);
        Ok(())
    }

    /// Leaves the room, which has ended.
    pub fn leave_room(&mut self) {
        let stream = self.step.stream_mut();
        if let Some(room) = stream.and_then(|stream| stream.room.take()) {
            room.close();
        }
    }

    /// Passes a newer token to the room.
    pub fn refresh(&self, token: &Secret) {
        if let Some(room) = self.room() {
            room.refresh(token.clone());
        }
    }
}

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
