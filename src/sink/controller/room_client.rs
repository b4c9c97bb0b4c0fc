//! The room's side of an attempt.

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

/// Longest part of the way to a connection that joining may take, so that what is late is named.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

pub struct RoomClient {
    room: livekit::Room,
    events: mpsc::Receiver<RoomEvent>,
    server: url::Url,
}

impl RoomClient {
    /// # Errors
    /// Where the address can't be one.
    pub fn join(room: &protocol::RoomAccess, plan: &Plan) -> Result<Self, Error> {
        let server = address::parse_server(&room.url).map_err(|why| {
            let message = format!("The LiveKit server's address {why}.");
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

    /// The servers and addresses by which the room is reached, besides those of the plan.
    pub fn ice(&self, joined: &Joined, plan: &Plan) -> IceConfig {
        IceConfig {
            // Its STUN servers are left out: the server learns our address from our checks, which go
            // to an address of its own. LiveKit names public ones by default, which a closed network
            // can't look up, and libnice (as tried) complains of by a GLib WARNING.
            stun_server: None,
            turn_servers: ice_servers::from_response(&joined.ice_servers),
            policy: plan.ice.policy,
            local_addresses: match plan.ice.local_addresses.is_empty() {
                true => ice_servers::local_addresses(&self.server),
                false => Vec::new(),
            },
        }
    }

    /// Publishes by this offer. `size`: of the pictures, where it is known.
    pub fn publish(&self, sdp: String, size: Option<(u32, u32)>) {
        let (width, height) = size.unwrap_or_default();
        self.room.publish(Publication { sdp, width, height });
    }

    pub fn add_candidate(&self, candidate: Candidate) {
        self.room.add_candidate(candidate);
    }

    /// A newer token, for when the connection is to be resumed.
    pub fn refresh(&self, token: crate::session::secret::Secret) {
        self.room.refresh(token);
    }

    /// The room's next event; `None` once it is over.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }

    /// Begins to leave.
    pub fn stop(&self) {
        self.room.stop();
    }

    /// Waits until it was left.
    pub fn close(self) {
        drop(self.events);
        RUNTIME.block_on(self.room.leave());
    }
}

/// What to offer of this in the room, now that it is joined.
///
/// # Errors
/// Where the room takes none of it.
pub fn taken(
    joined: &Joined,
    mut offered: Vec<OfferedFormat>,
) -> Result<Vec<OfferedFormat>, Error> {
    // A server that names none leaves it to the answer.
    if joined.codecs.is_empty() {
        return Ok(offered);
    }
    let wanted: Vec<_> = offered.iter().map(mime).collect();
    offered.retain(|offered| {
        let own = mime(offered);
        joined.codecs.iter().any(|c| c.eq_ignore_ascii_case(&own))
    });
    if offered.is_empty() {
        return Err(Error::new(
            Kind::Protocol,
            Stage::Room,
            format!(
                "The LiveKit room takes none of the codecs that could be sent ({}), but {}: check video-caps.",
                wanted.join(", "),
                joined.codecs.join(", ")
            ),
        ));
    }
    Ok(offered)
}

/// The name that LiveKit has for the codec.
fn mime(offered: &OfferedFormat) -> String {
    format!("video/{}", offered.codec.encoding_name())
}
