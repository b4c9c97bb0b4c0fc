//! What a session tells.

use std::time::{Duration, Instant};

use super::error::Error;
use super::protocol::{InferenceResult, LeaseRenewal, RoomAccess, TurnServer, Usage};

/// What a session tells.
#[derive(Debug)]
pub enum Event {
    /// The stream exists, and bills.
    Created(Created),
    /// An answer: each one once, in order.
    Answer(Box<Answer>),
    /// A part of an answer that is not complete yet.
    PartialAnswer(PartialAnswer),
    /// The service took a changed prompt.
    PromptAccepted(String),
    /// The lease was renewed.
    Renewed(LeaseRenewal),
    /// The service took the feedback.
    FeedbackAccepted,
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
    pub room: Option<RoomAccess>,
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
    pub schema_error: Option<String>,
    /// The name of the question, where there are several.
    pub question: Option<String>,
    /// The serial of the question, where it was asked once.
    pub ask_serial: Option<u64>,
    /// What it cost, where the service says so.
    pub usage: Option<Usage>,
    /// How long before the newest frame what it is about ends.
    pub end_offset: Duration,
}

/// An answer so far.
#[derive(Debug)]
pub struct PartialAnswer {
    pub question: Option<String>,
    pub ask_serial: Option<u64>,
    /// From its beginning.
    pub text: String,
}
