//! How far an attempt has come.

use std::time::Instant;

use tokio::sync::mpsc;

use super::room_client::RoomClient;
use crate::session::{Event, Session, VideoSource};
use crate::sink::codec::input_format::InputFormat;

/// How far an attempt has come. Each step ends in the next one, or in an error.
pub(super) enum Step {
    /// The source has not said yet what it brings.
    AwaitInput,
    /// The peer gathers candidates for its offer; only on the direct route.
    Gather {
        input: InputFormat,
        /// When the offer goes out with the candidates that were found.
        deadline: Instant,
        /// When there must be a candidate.
        give_up: Instant,
    },
    /// The stream can be created as soon as its request is known, which may need the frame rate.
    Ready {
        input: InputFormat,
        source: VideoSource,
    },
    /// The session creates the stream, and then keeps it.
    Open {
        input: InputFormat,
        session: Session,
        events: mpsc::Receiver<Event>,
        /// `None` until the service has created it.
        stream: Option<Stream>,
        /// When the stream, and then the connection, must be there.
        deadline: Instant,
    },
}

/// The stream, as the service has created it.
pub(super) struct Stream {
    pub id: String,
    /// The TURN servers that the service named, as webrtcbin takes them.
    pub turn_servers: Vec<String>,
    /// The room that the video goes to. `None` on the direct route.
    pub room: Option<RoomClient>,
}

impl Step {
    /// What the offer is made for.
    pub(super) fn input(&self) -> Option<&InputFormat> {
        match self {
            Self::AwaitInput => None,
            Self::Gather { input, .. } | Self::Ready { input, .. } | Self::Open { input, .. } => {
                Some(input)
            }
        }
    }

    pub(super) fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Open { stream, .. } => stream.as_ref(),
            _ => None,
        }
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Open { stream, .. } => stream.as_mut(),
            _ => None,
        }
    }

    /// When [`Attempt::deadline_passed`](super::attempt::Attempt::deadline_passed) is due, until there is a connection.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Gather { deadline, .. } | Self::Open { deadline, .. } => Some(*deadline),
            Self::AwaitInput | Self::Ready { .. } => None,
        }
    }
}
