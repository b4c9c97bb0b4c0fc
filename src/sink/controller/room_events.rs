//! What a LiveKit room tells, and when there is to be one after all.

use super::Controller;
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::RoomEvent;
use crate::sink::answers::messages;
use crate::sink::config::transport::Route;
use crate::sink::{CAT, OvershootSink};

impl Controller {
    pub(super) fn room_event(
        &mut self,
        element: &OvershootSink,
        event: Option<RoomEvent>,
    ) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        match event {
            Some(RoomEvent::Joined(joined)) => {
                gst::debug!(CAT, obj = element, "the room is joined");
                attempt.room_joined(&self.plan, &joined)
            }
            Some(RoomEvent::Answer(answer)) => self.accept(element, &answer),
            Some(RoomEvent::Candidate(candidate)) => {
                attempt.peer.add_candidate(&candidate);
                Ok(())
            }
            Some(RoomEvent::Refreshed(token)) => {
                self.route.refresh(&token);
                Ok(())
            }
            Some(RoomEvent::Resumed(cause)) => {
                gst::info!(CAT, obj = element, "{cause} It was resumed.");
                Ok(())
            }
            Some(RoomEvent::Ended(error)) => Err(error),
            None => Err(Error::new(
                Kind::Network,
                Stage::Room,
                "The room was left by itself.",
            )),
        }
    }

    /// Whether a room is to be tried, as no connection with the service can be made.
    pub(super) fn fall_back_to_room(&mut self, error: &Error) -> bool {
        let unconnected = error.stage == Stage::Connect && error.kind == Kind::Media;
        if !unconnected || !matches!(self.route, Route::Direct { else_room: true }) {
            return false;
        }
        self.route = Route::Room(None);
        self.fallen_back = Some(error.clone());
        true
    }

    /// Tells that there is a room, where there was to be none.
    pub(super) fn warn_of_room_fallback(&self, element: &OvershootSink) {
        if let Some(error) = &self.fallen_back {
            let error = Error {
                message: format!(
                    "{} The video goes by a LiveKit room instead; transport=livekit does so at once.",
                    error.message
                ),
                ..error.clone()
            };
            messages::post_failure(element, &error, false, self.streamed);
        }
    }

    /// What has failed: where the service has no room to give, it is what led to asking for one, and
    /// none is asked for again.
    pub(super) fn original_error(&mut self, error: Error, created: bool) -> Error {
        match self.fallen_back.take() {
            Some(first) if !created => {
                gst::info!(CAT, "there is no room to fall back to: {error}");
                self.route = Route::Direct { else_room: false };
                first
            }
            _ => error,
        }
    }
}
