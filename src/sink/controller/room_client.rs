// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The LiveKit room of an attempt.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::RUNTIME;
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::{self, Candidate, Joined, Publication, RoomEvent, address};
use crate::session::protocol;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::config::ice_servers;
use crate::sink::config::ice_servers::IceConfig;
use crate::sink::config::plan::Plan;

/// Longest time for joining. It is shorter than the time for the whole connection, so that the error names the step
/// that is late.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A room that the video is published in.
pub struct RoomClient {
    room: livekit::Room,
    events: mpsc::Receiver<RoomEvent>,
    server: url::Url,
}

impl RoomClient {
    /// Starts to join the room.
    ///
    /// # Errors
    /// The server's address is not valid.
    pub fn join(room: &protocol::RoomAccess, plan: &Plan) -> Result<Self, Error> {
        let server = address::parse_server(&room.url).map_err(|reason| {
            let message = format!("The LiveKit server's address {reason}.");
            Error::new(Kind::Protocol, Stage::Room, message)
        })?;
        let config = livekit::RoomConfig {
            server: server.clone(),
            token: room.token.clone(),
            timeout: JOIN_TIMEOUT.min(plan.timeout / 2),
        };
        let (room, events) = livekit::Room::connect(RUNTIME.handle(), config);
        Ok(Self {
            room,
            events,
            server,
        })
    }

    /// The servers and addresses for reaching the room, besides those of the plan.
    pub fn ice_config(&self, joined: &Joined, plan: &Plan) -> IceConfig {
        IceConfig {
            // The room's STUN servers are left out. They are not needed: the LiveKit server learns this machine's
            // address from the connectivity checks, which go to an address of the server's own. By default LiveKit
            // names public STUN servers. A closed network cannot resolve their names, and then libnice (as tested)
            // prints a GLib WARNING.
            stun_server: None,
            turn_servers: ice_servers::from_response(&joined.ice_servers),
            policy: plan.ice.policy,
            local_addresses: match plan.ice.local_addresses.is_empty() {
                true => ice_servers::local_addresses(&self.server),
                false => Vec::new(),
            },
        }
    }

    /// Publishes the video with this offer. `size`: width and height of the video in pixels, if known.
    pub fn publish(&self, sdp: String, size: Option<(u32, u32)>) {
        let (width, height) = size.unwrap_or_default();
        self.room.publish(Publication { sdp, width, height });
    }

    pub fn add_candidate(&self, candidate: Candidate) {
        self.room.add_candidate(candidate);
    }

    /// Stores a newer token, which is used to resume the connection.
    pub fn refresh(&self, token: crate::session::secret::Secret) {
        self.room.refresh(token);
    }

    /// The room's next event. `None` after the room has ended.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }

    /// Starts to leave the room.
    pub fn stop(&self) {
        self.room.stop();
    }

    /// Waits until the room is left.
    pub fn close(self) {
        drop(self.events);
        RUNTIME.block_on(self.room.leave());
    }
}

/// The offered formats that the joined room accepts.
///
/// # Errors
/// The room accepts none of them.
pub fn accepted_formats(
    joined: &Joined,
    mut offered: Vec<OfferedFormat>,
) -> Result<Vec<OfferedFormat>, Error> {
    // If the server names no codecs, its SDP answer decides.
    if joined.codecs.is_empty() {
        return Ok(offered);
    }
    let offered_types: Vec<_> = offered.iter().map(mime_type).collect();
    offered.retain(|offered| {
        let own_type = mime_type(offered);
        let mut room_types = joined.codecs.iter();
        room_types.any(|room_type| room_type.eq_ignore_ascii_case(&own_type))
    });
    if offered.is_empty() {
        return Err(Error::new(
            Kind::Protocol,
            Stage::Room,
            format!(
                "The LiveKit room accepts none of the codecs that this element can send ({}); it accepts {}: set video-caps to one of these.",
                offered_types.join(", "),
                joined.codecs.join(", ")
            ),
        ));
    }
    Ok(offered)
}

/// The codec's MIME type, which is LiveKit's name for it.
fn mime_type(offered: &OfferedFormat) -> String {
    format!("video/{}", offered.codec.encoding_name())
}
