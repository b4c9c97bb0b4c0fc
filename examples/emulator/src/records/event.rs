// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events: what happens, for printing.

use std::time::Duration;

use crate::codec::Codec;
use crate::faults::fault::Call;
use crate::records::snapshot::{EndReason, Mode};

/// Something that happened. No event contains a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A v0.2 stream was created.
    Created {
        /// Its id.
        stream: String,
        /// Clip or frame.
        mode: Mode,
        /// The codec of the SDP answer; none yet for a LiveKit room.
        codec: Option<Codec>,
        /// The model.
        model: String,
        /// The prompt.
        prompt: String,
    },
    /// A v1 stream was created.
    Opened {
        /// Its id.
        stream: String,
    },
    /// A question was answered on v1.
    Asked {
        /// The streams that it names.
        streams: Vec<String>,
        /// The text of the question.
        prompt: String,
        /// How many frames it is about.
        frames: usize,
        /// The answer.
        answer: String,
    },
    /// ICE and DTLS are done.
    Connected {
        /// The stream.
        stream: String,
        /// The codec of the SDP answer; none in a room, where the packets decide.
        codec: Option<Codec>,
        /// Time since the stream was created.
        after: Duration,
    },
    /// The publisher joined the stream's room.
    RoomJoined {
        /// The stream.
        stream: String,
        /// It had been in the room before, and resumes.
        resumed: bool,
    },
    /// The publisher, or its signalling connection, left the stream's room.
    RoomLeft {
        /// The stream.
        stream: String,
        /// Why.
        why: String,
    },
    /// The first frame was decoded.
    FirstFrame {
        /// The stream.
        stream: String,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Time since the stream was created.
        after: Duration,
    },
    /// A socket was authenticated.
    SocketOpened {
        /// The stream.
        stream: String,
    },
    /// A socket was closed.
    SocketClosed {
        /// The stream.
        stream: String,
        /// How it was closed.
        how: String,
    },
    /// The sampler took the newest frame.
    Sampled {
        /// The stream.
        stream: String,
        /// Time since the frame arrived.
        age: Duration,
        /// It had been sampled before.
        repeat: bool,
    },
    /// An answer was given.
    Answered {
        /// The stream.
        stream: String,
        /// The text of the answer.
        result: String,
        /// From the arrival of the newest frame until now.
        total_latency: Duration,
        /// How many sockets received it.
        sockets: usize,
    },
    /// The engine had no answer, and a message with an error was sent instead.
    Unanswered {
        /// The stream.
        stream: String,
        /// The reason, as in the message's `error`.
        error: String,
    },
    /// The model's endpoint did not answer when the emulator started.
    NoModel {
        /// The reason.
        message: String,
    },
    /// The prompt was changed.
    PromptChanged {
        /// The stream.
        stream: String,
        /// The new prompt.
        prompt: String,
    },
    /// A request was rejected, or a fault was injected into it.
    Refused {
        /// Which call.
        call: Option<Call>,
        /// The status; 0: there was no response.
        status: u16,
        /// The reason.
        message: String,
    },
    /// Feedback was given.
    Feedback {
        /// The stream.
        stream: String,
        /// The number of stars.
        rating: i64,
        /// Its category.
        category: String,
    },
    /// Something went wrong with the media.
    MediaTrouble {
        /// The stream.
        stream: String,
        /// What went wrong.
        message: String,
    },
    /// A stream ended.
    Ended {
        /// Its id.
        stream: String,
        /// The reason; none: the emulator stops.
        reason: Option<EndReason>,
        /// How long the stream lived.
        lived: Duration,
        /// Frames decoded.
        frames: u64,
        /// Bytes of RTP received.
        bytes: u64,
        /// Answers given.
        answers: u64,
    },
}
