// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors: what went wrong, when, what to change, and whether a retry can help.

use std::time::Duration;

use super::protocol::without_nul;

/// The kind of an error. It decides the GStreamer error code, and whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP 400 and 422, and settings that the service would refuse.
    InvalidSettings,
    /// HTTP 401 and 403, and a refused key on the results socket.
    NotAuthorized,
    /// HTTP 402.
    OutOfCredits,
    /// HTTP 404.
    NotFound,
    /// HTTP 429.
    Busy,
    /// HTTP 5xx.
    Server,
    /// No connection, or a broken one.
    Network,
    /// No answer in time.
    Timeout,
    /// A message that does not follow the protocol.
    Protocol,
    /// ICE, DTLS, or the video itself.
    Media,
    /// The service ended the stream.
    StreamEnded,
}

impl Kind {
    /// The name used in the `kind` field of `overshoot-error`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::InvalidSettings => "invalid-settings",
            Kind::NotAuthorized => "not-authorized",
            Kind::OutOfCredits => "out-of-credits",
            Kind::NotFound => "not-found",
            Kind::Busy => "busy",
            Kind::Server => "server",
            Kind::Network => "network",
            Kind::Timeout => "timeout",
            Kind::Protocol => "protocol",
            Kind::Media => "media",
            Kind::StreamEnded => "stream-ended",
        }
    }
}

/// What the element was doing when the error happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Checking the settings, before anything is sent.
    Settings,
    /// Creating the WebRTC offer.
    Offer,
    /// `POST /streams`.
    Create,
    /// ICE and DTLS.
    Connect,
    /// Receiving answers from the results socket.
    Socket,
    /// Joining and staying in the LiveKit room.
    Room,
    /// Renewing the lease.
    Keepalive,
    /// Changing the prompt.
    Prompt,
    /// Encoding and sending video.
    Media,
    /// `DELETE /streams/{id}`.
    Delete,
    /// Sending feedback.
    Feedback,
    /// Requesting a token for a viewer.
    Viewer,
    /// Listing the models.
    Models,
    /// Asking for the status of the stream (API v1).
    Status,
    /// Requesting an answer (API v1).
    Ask,
    /// Asking for the balance or for the prices (API v1).
    Balance,
    /// Writing the files of an alert.
    Evidence,
}

impl Stage {
    /// The name used in the `stage` field of `overshoot-error`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Settings => "settings",
            Stage::Offer => "offer",
            Stage::Create => "create",
            Stage::Connect => "connect",
            Stage::Socket => "socket",
            Stage::Room => "room",
            Stage::Keepalive => "keepalive",
            Stage::Prompt => "prompt",
            Stage::Media => "media",
            Stage::Delete => "delete",
            Stage::Feedback => "feedback",
            Stage::Viewer => "viewer",
            Stage::Models => "models",
            Stage::Status => "status",
            Stage::Ask => "ask",
            Stage::Balance => "balance",
            Stage::Evidence => "evidence",
        }
    }

    /// Whether the stream exists at this stage, so that a 404 can mean that it has ended.
    pub fn is_on_stream(self) -> bool {
        !matches!(self, Stage::Create | Stage::Models)
    }
}

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Service,
    /// Something between here and the service: a load balancer, a firewall, a sign-in page.
    OnTheWay,
}

/// An error, with what a person needs to fix it and a program needs to react to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    pub stage: Stage,
    /// One or two sentences: what happened and what to change.
    pub message: String,
    /// The HTTP status or the WebSocket close code.
    pub status_code: Option<u16>,
    /// The service's id of the failed request.
    pub request_id: Option<String>,
    /// The pause that the service asks for.
    pub retry_after: Option<Duration>,
    /// The service's name for the error (API v1).
    pub code: Option<String>,
    /// The region that the service wants the request in (API v1).
    pub region: Option<Box<str>>,
    /// There was no connection: the service can't have done anything.
    pub unreached: bool,
    /// Who answered with an HTTP status.
    pub speaker: Option<Speaker>,
    /// See [`Error::retryable`].
    pub may_pass: bool,
}

impl Error {
    pub fn new(kind: Kind, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            kind,
            stage,
            message: without_nul(message.into()),
            status_code: None,
            request_id: None,
            retry_after: None,
            code: None,
            region: None,
            unreached: false,
            speaker: None,
            may_pass: may_pass(kind, stage),
        }
    }

    /// A setting that the service would refuse.
    pub fn settings(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidSettings, Stage::Settings, message)
    }

    /// The same error, of settings that work all the same.
    #[must_use]
    pub fn that_may_pass(self) -> Self {
        Self {
            may_pass: true,
            ..self
        }
    }

    /// A task of the session panicked.
    pub fn task_died(stage: Stage, error: &tokio::task::JoinError) -> Self {
        let message = format!("A task of the session died: {error}.");
        Self::new(Kind::Protocol, stage, message)
    }

    /// The same error, with a sentence before its message.
    #[must_use]
    pub fn preceded_by(self, sentence: &str) -> Self {
        Self {
            message: format!("{sentence} {}", self.message),
            ..self
        }
    }

    /// The same error, with a sentence after its message.
    #[must_use]
    pub fn followed_by(self, sentence: &str) -> Self {
        Self {
            message: format!("{} {sentence}", self.message),
            ..self
        }
    }

    /// Whether the same request can succeed later, with the same settings (protocol: "can a retry help?").
    pub fn retryable(&self) -> bool {
        self.may_pass
    }

    /// Whether something on the way answered in place of the service.
    pub fn is_from_the_way(&self) -> bool {
        self.speaker == Some(Speaker::OnTheWay)
    }

    /// From a request that got no HTTP response.
    pub fn from_request(stage: Stage, error: &reqwest::Error) -> Self {
        let (who, address) = match stage {
            Stage::Room => ("LiveKit server", "livekit-url (if it is set)"),
            _ => ("service", "api-url"),
        };
        if error.is_timeout() {
            return Self::new(
                Kind::Timeout,
                stage,
                format!("The {who} did not answer in time ({}).", stage.name()),
            );
        }
        // reqwest's own text repeats the URL and leaves out the cause, which is the helpful part.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let message = format!(
            "The {who} can't be reached: {cause} ({}). Check the network and {address}.",
            stage.name()
        );
        Self {
            unreached: error.is_connect(),
            ..Self::new(Kind::Network, stage, message)
        }
    }
}

/// Whether an error of this kind can pass by itself. HTTP responses are judged in [`super::judgement`].
fn may_pass(kind: Kind, stage: Stage) -> bool {
    match kind {
        Kind::Busy
        | Kind::Server
        | Kind::Network
        | Kind::Timeout
        | Kind::Media
        | Kind::StreamEnded => true,
        Kind::InvalidSettings | Kind::NotAuthorized | Kind::OutOfCredits | Kind::Protocol => false,
        // A new stream can replace one that is gone.
        Kind::NotFound => stage.is_on_stream(),
    }
}

/// Adds the full stop, as another sentence may follow.
pub fn into_sentence(mut message: String) -> String {
    if !message.ends_with(['.', '!', '?']) {
        message.push('.');
    }
    message
}
