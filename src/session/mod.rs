//! The service's side of the element. Nothing here knows GStreamer.
//!
//! | module | concern |
//! |---|---|
//! | [`request`] | what is asked for, and the service's limits |
//! | [`protocol`] | the wire types of API v0.2 |
//! | [`http`] | one client for all, one cookie jar a stream |
//! | [`api`] | the calls of API v0.2 |
//! | [`models`] | which models there are |
//! | [`websocket`] | how WebSockets are opened |
//! | [`socket`] | the results socket |
//! | [`livekit`] | signalling with a LiveKit room |
//! | [`schema`] | what answers are to fit |
//! | [`flood`] | what a service gone wrong can do |
//! | [`lease`] | when to renew, when to reconnect |
//! | [`v02`] | a stream of v0.2 from its creation to its deletion |
//! | [`stream`] | what happens between the two: one `select!` loop |
//! | [`v1`] | the same for API v1, with modules of its own |
//! | [`closing`] | how streams are made and ended, so that none is left to bill |
//! | [`error`] | what can go wrong, and whether a retry can help |
//! | [`refusal`] | what the service says of that |
//!
//! A [`Session`] is one stream, from `POST /streams` to `DELETE`. It tells what happens by
//! [`Event`]s; when it is over it is not resumed, a new one is started.

pub mod api;
pub mod closing;
pub mod error;
pub mod flood;
#[cfg(test)]
mod fuzz_tests;
pub mod http;
pub mod lease;
pub mod livekit;
pub mod models;
pub mod protocol;
pub mod refusal;
pub mod request;
pub mod schema;
pub mod secret;
pub mod socket;
pub mod stream;
mod tls;
pub mod v02;
pub mod v1;
pub mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use error::Error;
use protocol::{Feedback, InferenceResult, KeptAlive, Room, TurnServer};
use request::StreamRequest;
use secret::Secret;
use v1::protocol::Usage;
use v1::question::Ask;

/// Longest time from [`Session::stop`] to the end of the session: the stream that is being
/// created is waited for, so that it can be deleted, and the `DELETE` is tried twice.
pub const CLOSE_BOUND: Duration = Duration::from_millis(2500);

/// Answers that may wait for the element before the socket is no longer read, which makes the
/// service wait in turn.
const EVENTS: usize = 64;

/// Questions that are asked once and wait for the session.
const ASKS: usize = 8;

/// The generations of the service's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// One SDP offer in, answers pushed on a WebSocket.
    V02,
    /// A LiveKit room, answers asked for one by one.
    V1,
}

impl Api {
    pub fn name(self) -> &'static str {
        match self {
            Api::V02 => "v0.2",
            Api::V1 => "v1",
        }
    }
}

/// A frame that has left.
#[derive(Debug, Clone, Copy)]
pub struct SentFrame {
    pub sent: Instant,
    pub captured: Instant,
}

/// The newest frame that had been sent by then; `None` before the first.
pub type NewestFrame = Arc<dyn Fn(Instant) -> Option<SentFrame> + Send + Sync>;

/// What a session needs.
pub struct Config {
    pub api: Api,
    pub api_url: reqwest::Url,
    pub api_key: Secret,
    /// For each HTTP call.
    pub timeout: Duration,
    pub request: StreamRequest,
    /// Of API v1 it is always a new room.
    pub source: Source,
    /// The prompt, now and as it changes.
    pub prompt: watch::Receiver<String>,
    /// Tells how old the picture is that an answer is about, where the service does not.
    pub newest_frame: NewestFrame,
}

/// Where the service gets the video from.
pub enum Source {
    /// A connection of its own: the SDP offer, complete with candidates.
    Webrtc(String),
    /// A LiveKit room of the application's.
    Room(Room),
    /// A LiveKit room that the service makes.
    NewRoom,
}

/// What a session tells.
#[derive(Debug)]
pub enum Event {
    /// The stream exists, and bills.
    Created(Created),
    /// An answer: each one once, in order.
    Answer(Box<Answer>),
    /// A part of an answer that is not complete yet.
    Partial(Partial),
    /// The service took a changed prompt.
    PromptTaken(String),
    /// The lease was renewed.
    Renewed(KeptAlive),
    /// The service took the feedback.
    FeedbackTaken,
    /// Something failed that the stream survives.
    Warning(Error),
    /// The stream is over; nothing follows but what closing it brings.
    Failed(Error),
}

/// The stream that the service made.
#[derive(Debug)]
pub struct Created {
    pub stream_id: String,
    /// The SDP answer, to an offer.
    pub answer: Option<String>,
    /// The room that the service made, where it made one.
    pub room: Option<Room>,
    /// To be used if this connection fails.
    pub turn_servers: Vec<TurnServer>,
}

/// An answer of the model.
#[derive(Debug)]
pub struct Answer {
    pub result: InferenceResult,
    /// The service's message as it came.
    pub json: String,
    /// When it came.
    pub arrived: Instant,
    /// Why it does not fit the schema that was asked for.
    pub misfit: Option<String>,
    /// The name of the question, where there are several.
    pub question: Option<String>,
    /// The serial of the question, where it was asked once.
    pub ask: Option<u64>,
    /// What it cost, where the service says so.
    pub usage: Option<Usage>,
    /// How long before the newest frame what it is about ends.
    pub end_offset: Duration,
}

/// An answer so far.
#[derive(Debug)]
pub struct Partial {
    pub question: Option<String>,
    pub ask: Option<u64>,
    /// From its beginning.
    pub text: String,
}

/// A running stream. Dropping it without [`Session::join`] still ends the stream on the service.
pub struct Session {
    stop: CancellationToken,
    feedback: mpsc::Sender<Feedback>,
    asks: mpsc::Sender<Ask>,
    task: JoinHandle<()>,
}

impl Session {
    /// Starts a session. Its events end (`None`) when it is over, on whatever path.
    pub fn start(runtime: &Handle, config: Config) -> (Self, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(EVENTS);
        // One is being sent; people do not give feedback faster than that.
        let (feedback, feedback_in) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let (asks, asks_in) = mpsc::channel(ASKS);
        let task = match config.api {
            Api::V02 => runtime.spawn(v02::run(config, stop.clone(), events, feedback_in)),
            Api::V1 => runtime.spawn(v1::run(config, stop.clone(), events, asks_in, feedback_in)),
        };
        let session = Self {
            stop,
            feedback,
            asks,
            task,
        };
        (session, received)
    }

    /// Sends feedback about the stream.
    ///
    /// # Errors
    /// Gives it back where too much waits already, or the session is over.
    pub fn give_feedback(&self, feedback: Feedback) -> Result<(), Feedback> {
        self.feedback.try_send(feedback).map_err(|e| e.into_inner())
    }

    /// Asks a question once (API v1).
    ///
    /// # Errors
    /// Gives it back where too many wait already, or nothing takes it.
    pub fn ask(&self, ask: Ask) -> Result<(), Ask> {
        self.asks.try_send(ask).map_err(|e| e.into_inner())
    }

    /// Asks the session to end the stream; it does within [`CLOSE_BOUND`].
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end. The events must be drained meanwhile.
    pub async fn join(mut self) {
        self.stop();
        // It fails where the task panicked, which the panic hook has told already.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
    }
}
