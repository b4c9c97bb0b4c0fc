//! What happens, for whoever wants to print it.

use std::time::Duration;

use crate::codec::Codec;
use crate::faults::fault::Call;
use crate::records::snapshot::{EndReason, Mode};

/// Something that happened. No event holds a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A stream was made.
    Created {
        /// Its id.
        stream: String,
        /// Clip or frame.
        mode: Mode,
        /// The codec of the answer; none yet in a room.
        codec: Option<Codec>,
        /// The model.
        model: String,
        /// The prompt.
        prompt: String,
    },
    /// A stream of v1 was made.
    Opened {
        /// Its id.
        stream: String,
    },
    /// A question was answered, on v1.
    Asked {
        /// The streams that it names.
        streams: Vec<String>,
        /// Its text.
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
        /// The codec of the answer; in a room the packets will tell.
        codec: Option<Codec>,
        /// Since it was made.
        after: Duration,
    },
    /// The publisher is in the stream's room.
    RoomJoined {
        /// The stream.
        stream: String,
        /// It was there before.
        resumed: bool,
    },
    /// The publisher, or its signalling, is gone from the stream's room.
    RoomLeft {
        /// The stream.
        stream: String,
        /// How.
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
        /// Since the stream was made.
        after: Duration,
    },
    /// A socket gave a good key.
    SocketOpened {
        /// The stream.
        stream: String,
    },
    /// A socket is gone.
    SocketClosed {
        /// The stream.
        stream: String,
        /// How.
        how: String,
    },
    /// The sampler took the newest frame.
    Sampled {
        /// The stream.
        stream: String,
        /// Since the frame arrived.
        age: Duration,
        /// It was taken before.
        repeat: bool,
    },
    /// An answer was given.
    Answered {
        /// The stream.
        stream: String,
        /// What it says.
        result: String,
        /// From the newest frame's arrival until now.
        total_latency: Duration,
        /// To how many sockets it went.
        sockets: usize,
    },
    /// The engine had no answer, and its place was taken by this.
    Unanswered {
        /// The stream.
        stream: String,
        /// Why, as the answer's `error` says it.
        error: String,
    },
    /// Nobody answered at the model's endpoint when the emulator started.
    NoModel {
        /// Why.
        message: String,
    },
    /// The prompt was changed.
    PromptChanged {
        /// The stream.
        stream: String,
        /// The new one.
        prompt: String,
    },
    /// A request was refused or had a fault injected.
    Refused {
        /// Which call.
        call: Option<Call>,
        /// The status; 0: no response.
        status: u16,
        /// Why.
        message: String,
    },
    /// Feedback came in.
    Feedback {
        /// The stream.
        stream: String,
        /// How many stars.
        rating: i64,
        /// Its category.
        category: String,
    },
    /// Something about the media went wrong.
    MediaTrouble {
        /// The stream.
        stream: String,
        /// What.
        message: String,
    },
    /// A stream ended.
    Ended {
        /// Its id.
        stream: String,
        /// Why; none: the emulator stops.
        reason: Option<EndReason>,
        /// How long it lived.
        lived: Duration,
        /// Frames decoded.
        frames: u64,
        /// Bytes of RTP received.
        bytes: u64,
        /// Answers given.
        answers: u64,
    },
}
