// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The records that tests read: requests, streams, questions.

use std::fmt;
use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::faults::fault::Call;

/// How many frames, samples and answers are kept for each stream; if a list is full, its oldest quarter is
/// dropped.
pub const RECORDS_PER_STREAM: usize = 20_000;
/// How many requests are kept; if the list is full, its oldest quarter is dropped.
pub const REQUESTS_KEPT: usize = 20_000;
/// How many streams are kept; if the list is full, its oldest quarter is dropped.
pub const STREAMS_KEPT: usize = 256;

/// How many joins are kept for each stream; if the list is full, its oldest quarter is dropped.
pub const JOINS_PER_STREAM: usize = 1_000;
/// How many questions are kept; if the list is full, its oldest quarter is dropped.
pub const QUESTIONS_KEPT: usize = 2_000;

/// All records at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The HTTP requests, in the order of arrival.
    pub requests: Vec<Request>,
    /// The streams, in the order of creation.
    pub streams: Vec<Stream>,
    /// The questions that v1 answered, in the order in which the answers were ready.
    pub questions: Vec<Question>,
    /// What all answers of v1 cost.
    pub spent_microcents: u64,
}

impl Snapshot {
    /// The stream with this id.
    pub fn stream(&self, id: &str) -> Option<&Stream> {
        self.streams.iter().rev().find(|stream| stream.id == id)
    }

    /// The requests of one call.
    pub fn calls(&self, call: Call) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(move |request| request.call == call)
    }
}

/// One HTTP request. It never contains the key.
#[derive(Clone, Debug)]
pub struct Request {
    /// When its head and body had arrived.
    pub at: Instant,
    /// Which call it is.
    pub call: Call,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, including the base path.
    pub path: String,
    /// The `Cookie` header.
    pub cookie: Option<String>,
    /// The `X-Overshoot-Region` header.
    pub region: Option<String>,
    /// The body, if it was JSON; a LiveKit token in it is replaced by `…`.
    pub body: Option<serde_json::Value>,
    /// The status of the response; 0: there was none, or it is not sent yet.
    pub status: u16,
    /// The stream that the call was about; for a successful create, the new one.
    pub stream_id: Option<String>,
}

/// One stream, alive or ended.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its id.
    pub id: String,
    /// When it was created.
    pub created: Instant,
    /// Clip or frame; none on v1.
    pub mode: Option<Mode>,
    /// Where its video comes from.
    pub source: Source,
    /// The requested model; empty on v1, where each question names its own.
    pub model: String,
    /// The codec of the SDP answer; in a room, the codec of the newest frame.
    pub codec: Option<Codec>,
    /// The prompts, the oldest first.
    pub prompts: Vec<String>,
    /// When ICE and DTLS had completed.
    pub connected: Option<Instant>,
    /// When the first packet of the first frame arrived.
    pub first_received: Option<Instant>,
    /// Received frames, decodable or not.
    pub received: u64,
    /// The decoded frames.
    pub frames: Vec<Frame>,
    /// The samples that the sampler took.
    pub samples: Vec<Sample>,
    /// RTP packets received.
    pub packets: u64,
    /// The total length of those packets, in bytes.
    pub bytes: u64,
    /// How many of those packets were dropped on purpose.
    pub packets_lost: u64,
    /// The answers that were written to its sockets.
    pub answers: Vec<Answer>,
    /// How many sockets were authenticated.
    pub socket_connections: u32,
    /// The joins of its publisher; only for a room that the emulator hosts.
    pub joins: Vec<Join>,
    /// When and why it ended.
    pub ended: Option<(Instant, EndReason)>,
    /// How often the lease was renewed.
    pub keepalives: u32,
    /// How many keyframes were requested.
    pub keyframe_requests: u32,
}

impl Stream {
    /// The record of a new stream.
    pub(crate) fn new(id: String, created: Instant, source: Source) -> Self {
        Stream {
            id,
            created,
            mode: None,
            source,
            model: String::new(),
            codec: None,
            prompts: Vec::new(),
            connected: None,
            first_received: None,
            received: 0,
            frames: Vec::new(),
            samples: Vec::new(),
            packets: 0,
            packets_lost: 0,
            bytes: 0,
            answers: Vec::new(),
            socket_connections: 0,
            joins: Vec::new(),
            ended: None,
            keepalives: 0,
            keyframe_requests: 0,
        }
    }
}

/// How a stream is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each answer is about several frames.
    Clip,
    /// Each answer is about one frame.
    Frame,
}

impl Mode {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Clip => "clip",
            Mode::Frame => "frame",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a stream's video comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An SDP offer.
    Webrtc,
    /// A LiveKit room.
    Livekit,
}

/// A join of the publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// When its token had been verified.
    pub at: Instant,
    /// The participant's id: a new one for each join that is not a resume.
    pub participant: String,
    /// The participant was still in the room, only its signalling connection was lost.
    pub resumed: bool,
}

/// One decoded frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the decoder returned it.
    pub at: Instant,
    /// Its RTP timestamp, extended to 64 bits (90 kHz). The timestamps continue across senders and layers.
    pub rtp_time: u64,
    /// Whether it was sent as a keyframe.
    pub keyframe: bool,
    /// Decoded width.
    pub width: u32,
    /// Decoded height.
    pub height: u32,
    /// The mean of the luma plane, 0 to 255, as coded (black is 16 in limited range).
    pub luma: f32,
    /// The mean colour: red, green, blue.
    pub rgb: [u8; 3],
    /// The text of a QR code in it, if codes were read and one was found.
    pub code: Option<String>,
}

/// One sample: the newest frame at a tick of the sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// The frame's RTP timestamp, as in [`Frame`].
    pub rtp_time: u64,
    /// Time since the frame's first packet arrived.
    pub age: Duration,
    /// The frame had been sampled before: no new frame had arrived since.
    pub repeat: bool,
}

/// One answer that was written to a socket.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Just before it was passed to the socket's writer.
    pub at: Instant,
    /// Its id.
    pub id: String,
    /// The JSON text.
    pub text: String,
}

/// One chat completion of v1.
#[derive(Clone, Debug)]
pub struct Question {
    /// When the request arrived.
    pub at: Instant,
    /// The requested model.
    pub model: String,
    /// The text of the system messages.
    pub system: Option<String>,
    /// The text of the last user message.
    pub prompt: String,
    /// The `thread_id`.
    pub thread_id: Option<String>,
    /// Whether the answer was to be streamed.
    pub chunks: bool,
    /// The pictures and clips that it is about, in the order of the request.
    pub media: Vec<Named>,
    /// The answer's text.
    pub answer: String,
    /// What it cost, by its usage.
    pub cost_microcents: u64,
}

/// A picture or a clip that a question names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The `ovs://` URL.
    pub url: String,
    /// The stream.
    pub stream_id: String,
    /// The frames that it stood for at that time, the oldest first.
    pub frames: Vec<NamedFrame>,
}

/// One frame of a stream's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFrame {
    /// Its lifetime index.
    pub index: u64,
    /// Time since the stream's first frame, in milliseconds.
    pub stream_time_ms: u64,
    /// Its RTP timestamp, as in [`Frame`].
    pub rtp_time: u64,
    /// The text of a QR code in it.
    pub code: Option<String>,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// DELETE.
    ClientRequested,
    /// The media connection was closed, or was silent for too long.
    WebrtcDisconnected,
    /// The publisher left the LiveKit room.
    LivekitDisconnected,
    /// There was no keepalive in time.
    LeaseExpired,
    /// The account had no credits left.
    InsufficientCredits,
}

impl EndReason {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            EndReason::ClientRequested => "client_requested",
            EndReason::WebrtcDisconnected => "webrtc_disconnected",
            EndReason::LivekitDisconnected => "livekit_disconnected",
            EndReason::LeaseExpired => "lease_expired",
            EndReason::InsufficientCredits => "insufficient_credits",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Appends to a list of at most `limit` records.
pub(crate) fn push_bounded<T>(records: &mut Vec<T>, limit: usize, record: T) {
    if records.len() >= limit {
        records.drain(..(limit / 4).max(1));
    }
    records.push(record);
}
