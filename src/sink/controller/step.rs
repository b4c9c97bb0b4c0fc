// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The steps of an attempt.

use std::time::Instant;

use tokio::sync::mpsc;

use super::room_client::RoomClient;
use crate::session::{Event, Session, VideoSource};
use crate::sink::codec::input_format::InputFormat;

/// The current step of an attempt. Each step ends with the next one or with an error.
pub(super) enum Step {
    /// The source's format is not known yet.
    AwaitInput,
    /// The peer gathers candidates for its offer. This step exists only on the direct route.
    Gather {
        input: InputFormat,
        /// When the offer is used with the candidates found so far.
        deadline: Instant,
        /// When the attempt fails if no candidate was found.
        give_up: Instant,
    },
    /// The stream can be created as soon as its request is known. The request may need the source's frame rate.
    Ready {
        input: InputFormat,
        source: VideoSource,
    },
    /// The session creates the stream, and then keeps it alive.
    Open {
        input: InputFormat,
        session: Session,
        events: mpsc::Receiver<Event>,
        /// `None` until the service has created the stream.
        stream: Option<Stream>,
        /// When the stream must be created and the connection must be established.
        deadline: Instant,
    },
}

/// The stream that the service has created.
pub(super) struct Stream {
    pub id: String,
    /// The TURN servers that the service named, in webrtcbin's format.
    pub turn_servers: Vec<String>,
    /// The room that receives the video. `None` on the direct route.
    pub room: Option<RoomClient>,
}

impl Step {
    /// The input format that the offer is made for.
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

    /// When [`Attempt::deadline_passed`](super::attempt::Attempt::deadline_passed) must be called, unless the
    /// connection is established before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Gather { deadline, .. } | Self::Open { deadline, .. } => Some(*deadline),
            Self::AwaitInput | Self::Ready { .. } => None,
        }
    }
}
