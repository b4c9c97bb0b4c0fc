//! What was seen: the records that tests look at.

use std::fmt;
use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::faults::fault::Call;

/// How many frames, samples and answers a stream's record keeps; the oldest quarter goes when it is full.
pub const RECORDS_PER_STREAM: usize = 20_000;
/// How many requests are kept; the oldest quarter goes when it is full.
pub const REQUESTS_KEPT: usize = 20_000;
/// How many streams are kept; the oldest goes when one more comes.
pub const STREAMS_KEPT: usize = 256;

/// How many arrivals in its room a stream's record keeps; the oldest quarter goes when it is full.
pub const JOINS_PER_STREAM: usize = 1_000;
/// How many questions are kept; the oldest quarter goes when it is full.
pub const QUESTIONS_KEPT: usize = 2_000;

/// Everything that was seen so far, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The HTTP requests, in the order in which they came.
    pub requests: Vec<Request>,
    /// The streams, in the order in which they were made.
    pub streams: Vec<Stream>,
    /// What was asked on v1 and not refused, in the order in which the answers were ready.
    pub questions: Vec<Question>,
}

impl Snapshot {
    /// The stream of that id.
    pub fn stream(&self, id: &str) -> Option<&Stream> {
        self.streams.iter().rev().find(|stream| stream.id == id)
    }

    /// The requests of one kind.
    pub fn calls(&self, call: Call) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(move |request| request.call == call)
    }
}

/// One HTTP request. It never holds the key.
#[derive(Clone, Debug)]
pub struct Request {
    /// When its head and body had arrived.
    pub at: Instant,
    /// Which call it is.
    pub call: Call,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, with the base.
    pub path: String,
    /// The `Cookie` header.
    pub cookie: Option<String>,
    /// The `X-Overshoot-Region` header.
    pub region: Option<String>,
    /// The body, where it was JSON; a LiveKit token in it is replaced by `…`.
    pub body: Option<serde_json::Value>,
    /// The status of the response; 0: there was none, or not yet.
    pub status: u16,
    /// The stream that it was about; for a create that went well, the new one.
    pub stream_id: Option<String>,
}

/// One stream, alive or ended.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: Instant,
    /// Clip or frame; none on v1.
    pub mode: Option<Mode>,
    /// Where its video comes from.
    pub source: Source,
    /// The model that was asked for; empty on v1, where each question names its own.
    pub model: String,
    /// The codec that the answer chose; in a room, that of what came last.
    pub codec: Option<Codec>,
    /// The prompts, the first one first.
    pub prompts: Vec<String>,
    /// When ICE and DTLS were done.
    pub connected: Option<Instant>,
    /// When the first packet of the first frame arrived.
    pub first_received: Option<Instant>,
    /// Frames that arrived, whether they could be decoded or not.
    pub received: u64,
    /// The decoded frames.
    pub frames: Vec<Frame>,
    /// What the sampler took, and how old that was.
    pub samples: Vec<Sample>,
    /// RTP packets received.
    pub packets: u64,
    /// The bytes of those packets.
    pub bytes: u64,
    /// How many of them were lost on purpose.
    pub packets_lost: u64,
    /// What was written to its sockets.
    pub answers: Vec<Answer>,
    /// How often a socket was authenticated.
    pub socket_connections: u32,
    /// When its publisher came into its room; only in a room of the emulator's own.
    pub joins: Vec<Join>,
    /// When and why it ended.
    pub ended: Option<(Instant, EndReason)>,
    /// How often the lease was renewed.
    pub keepalives: u32,
    /// How often a keyframe was asked for.
    pub keyframe_requests: u32,
}

impl Stream {
    /// One that was just made, of which nothing more is known.
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

/// How a stream is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Some frames together.
    Clip,
    /// One frame at a time.
    Frame,
}

impl Mode {
    /// As on the wire.
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

/// An arrival of the publisher's in the stream's room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// When its token had been found good.
    pub at: Instant,
    /// The participant: one more of them with each join that resumes nothing.
    pub participant: String,
    /// It was there before, and only its signalling was not.
    pub resumed: bool,
}

/// One decoded frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the decoder let go of it.
    pub at: Instant,
    /// Its RTP timestamp, extended to 64 bits (90 kHz); another sender or layer goes on from the one
    /// before.
    pub rtp_time: u64,
    /// Whether it was sent as a keyframe.
    pub keyframe: bool,
    /// Decoded width.
    pub width: u32,
    /// Decoded height.
    pub height: u32,
    /// The mean of the luma plane, 0 to 255, as coded (black is 16 in limited range).
    pub luma: f32,
    /// The text of a QR code in it, where it was looked for and found.
    pub code: Option<String>,
}

/// One look of the sampler's at the newest frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it looked.
    pub at: Instant,
    /// The frame's RTP timestamp, as in [`Frame`].
    pub rtp_time: u64,
    /// Since the frame's first packet arrived.
    pub age: Duration,
    /// The sampler had taken that frame before: it missed a new one.
    pub repeat: bool,
}

/// One answer that was written to a socket.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Just before it was handed to the socket's writer.
    pub at: Instant,
    /// Its id.
    pub id: String,
    /// The JSON text.
    pub text: String,
}

/// One chat completion of v1.
#[derive(Clone, Debug)]
pub struct Question {
    /// When it came.
    pub at: Instant,
    /// The model that was asked.
    pub model: String,
    /// The text of the system messages.
    pub system: Option<String>,
    /// The text of the last user message.
    pub prompt: String,
    /// The `thread_id`.
    pub thread_id: Option<String>,
    /// Whether the answer was to come in chunks.
    pub chunks: bool,
    /// What of which streams it is about, in the order of the request.
    pub media: Vec<Named>,
    /// The answer's text.
    pub answer: String,
}

/// A picture or a clip that a question names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The `ovs://` URL.
    pub url: String,
    /// The stream.
    pub stream_id: String,
    /// The frames that it stood for then, the oldest first.
    pub frames: Vec<NamedFrame>,
}

/// One frame of a stream's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFrame {
    /// Its lifetime index.
    pub index: u64,
    /// Since the stream's first frame.
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
    /// The media connection was closed, or silent for too long.
    WebrtcDisconnected,
    /// The LiveKit room was left.
    LivekitDisconnected,
    /// No keepalive in time.
    LeaseExpired,
    /// Nothing left to spend.
    InsufficientCredits,
}

impl EndReason {
    /// As on the wire.
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

/// Appends to a record that may hold `limit` entries.
pub(crate) fn push_bounded<T>(records: &mut Vec<T>, limit: usize, record: T) {
    if records.len() >= limit {
        records.drain(..(limit / 4).max(1));
    }
    records.push(record);
}
