// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a session reports to the element.

use std::time::{Duration, Instant};

use super::costs::budget::Field;
use super::error::Error;
use super::prompt::Prompt;
use super::protocol::{InferenceResult, LeaseRenewal, RoomAccess, TurnServer, Usage};
use super::viewer::Viewer;

/// Something that happened to the stream.
#[derive(Debug)]
pub enum Event {
    /// The stream exists, and is billed.
    Created(Created),
    /// An answer. Each one comes once, in order.
    Answer(Box<Answer>),
    /// The beginning of an answer that is not complete yet.
    PartialAnswer(PartialAnswer),
    /// The service uses this changed prompt.
    PromptAccepted(Prompt),
    /// The service did not take a change.
    PromptWithdrawn { withdrawn: Prompt, in_use: Prompt },
    /// The lease was renewed.
    Renewed(LeaseRenewal),
    /// What the service has of the video (API v1).
    History(FrameHistory),
    /// The service accepted the feedback.
    FeedbackAccepted,
    /// A token for a viewer.
    Viewer(Viewer),
    /// A limit of the budget is used up: nothing more is asked (API v1).
    BudgetUsedUp(Field),
    /// Something failed, and the stream goes on.
    Warning(Error),
    /// A call failed and is tried again. To be reported once for each cause.
    Retrying(Error),
    /// The stream has ended. Only a warning about its deletion can follow.
    Failed(Error),
}

/// The stream that the service created.
#[derive(Debug)]
pub struct Created {
    pub stream_id: String,
    /// The SDP answer, if there was an offer.
    pub answer: Option<String>,
    /// The LiveKit room that the service created, if it did.
    pub room: Option<RoomAccess>,
    /// For a new try when the direct connection fails.
    pub turn_servers: Vec<TurnServer>,
    /// The model that is asked because the default one is not ready.
    pub substitute_model: Option<String>,
}

/// The frames of a stream on the service, as far as it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FrameHistory {
    /// Frames per second that have arrived of late.
    pub recent_fps: Option<f64>,
    /// How many can be asked about.
    pub retained: Option<u64>,
    /// How many are too old by now.
    pub evicted: Option<u64>,
}

/// An answer of the model.
#[derive(Debug)]
pub struct Answer {
    pub result: InferenceResult,
    /// The number of the element's prompt that it answers, if that is known.
    pub prompt_serial: Option<u64>,
    /// The service's message, unchanged.
    pub json: String,
    /// When the message came.
    pub arrived: Instant,
    /// Why the answer does not match the schema.
    pub schema_error: Option<String>,
    /// The name of the question, unless it is the element's own.
    pub question: Option<String>,
    /// The serial of a one-shot question.
    pub ask_serial: Option<u64>,
    /// The tokens that the answer took, if the service says so.
    pub usage: Option<Usage>,
    /// What it cost, if that is known (API v1).
    pub cost_microcents: Option<u64>,
    /// The time from the end of what the answer is about to the newest frame.
    pub end_offset: Duration,
    /// The service thins clips out: the last frame that it shows the model may be so much older than the last one of the clip.
    pub thinned_by: Duration,
}

/// An answer as far as it has come.
#[derive(Debug)]
pub struct PartialAnswer {
    pub question: Option<String>,
    pub ask_serial: Option<u64>,
    /// The text from its beginning.
    pub text: String,
}
