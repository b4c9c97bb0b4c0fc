// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors: what went wrong, when, what to change, and whether a retry can help.

use std::time::Duration;

use super::api_version::Api;
use super::error_body::ErrorBody;
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
    /// Listing the models.
    Models,
    /// Asking for the status of the stream (API v1).
    Status,
    /// Requesting an answer (API v1).
    Ask,
    /// Asking for the balance (API v1).
    Balance,
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
            Stage::Models => "models",
            Stage::Status => "status",
            Stage::Ask => "ask",
            Stage::Balance => "balance",
        }
    }

    /// Whether the stream exists at this stage, so that a 404 can mean that it has ended.
    fn is_on_stream(self) -> bool {
        !matches!(self, Stage::Create | Stage::Models)
    }
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
    pub region: Option<String>,
    /// There was no connection: the service can't have done anything.
    pub unreached: bool,
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
        }
    }

    /// A setting that the service would refuse.
    pub fn settings(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidSettings, Stage::Settings, message)
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
        match self.kind {
            Kind::Busy
            | Kind::Server
            | Kind::Network
            | Kind::Timeout
            | Kind::Media
            | Kind::StreamEnded => true,
            Kind::InvalidSettings | Kind::NotAuthorized | Kind::OutOfCredits | Kind::Protocol => {
                false
            }
            // A new stream can replace one that is gone. Nothing can replace a missing endpoint.
            Kind::NotFound => self.stage.is_on_stream(),
        }
    }

    /// From an HTTP response that is not a success.
    pub fn from_response(
        api: Api,
        stage: Stage,
        status: u16,
        body: &str,
        retry_after: Option<Duration>,
    ) -> Self {
        let body = ErrorBody::parse(body);
        let service_message = body
            .message
            .map(|message| format!(" The service says: {}", into_sentence(message)))
            .unwrap_or_default();
        let (kind, advice) = match status {
            401 | 403 => (
                Kind::NotAuthorized,
                "The API key was refused: set a valid key with api-key or OVERSHOOT_API_KEY."
                    .to_owned(),
            ),
            402 => (
                Kind::OutOfCredits,
                "The account is out of credits: top it up and start again.".to_owned(),
            ),
            404 if !stage.is_on_stream() => (
                Kind::NotFound,
                format!(
                    "There is no API {0} at this address, or no longer (HTTP 404): set api-url to the full address of an API {0}, with its path.",
                    api.name()
                ),
            ),
            404 => (
                Kind::NotFound,
                format!("The service no longer knows the stream (HTTP 404, {}).", stage.name()),
            ),
            429 => (
                Kind::Busy,
                "The service is busy or this key has too many streams (HTTP 429): stop another stream or try again later."
                    .to_owned(),
            ),
            300..=399 => (
                Kind::Protocol,
                format!("The address redirects elsewhere (HTTP {status}): set api-url to the final address. Redirects are not followed, so that the API key stays with the host it was given for."),
            ),
            // Something on the way answered a WebSocket handshake with a page.
            200..=299 => (
                Kind::Protocol,
                format!("The service's answer can't be understood (HTTP {status}, {}): check that api-url is the {} API.", stage.name(), api.name()),
            ),
            500..=599 => (
                Kind::Server,
                format!("The service failed (HTTP {status}, {}).", stage.name()),
            ),
            _ => (
                Kind::InvalidSettings,
                format!("The service refused the request (HTTP {status}, {}).", stage.name()),
            ),
        };
        Self {
            status_code: Some(status),
            request_id: body.request_id,
            retry_after,
            code: body.code,
            region: body.region.filter(|_| status == 409),
            ..Self::new(kind, stage, advice + &service_message)
        }
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

/// Adds the full stop, as another sentence may follow.
pub fn into_sentence(mut message: String) -> String {
    if !message.ends_with(['.', '!', '?']) {
        message.push('.');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_map_to_kinds() {
        let cases = [
            (400, Kind::InvalidSettings, false),
            (401, Kind::NotAuthorized, false),
            (402, Kind::OutOfCredits, false),
            (403, Kind::NotAuthorized, false),
            (404, Kind::NotFound, true),
            (422, Kind::InvalidSettings, false),
            (429, Kind::Busy, true),
            (500, Kind::Server, true),
            (503, Kind::Server, true),
            (302, Kind::Protocol, false),
            (200, Kind::Protocol, false),
        ];
        for (status, kind, retryable) in cases {
            let error = Error::from_response(Api::V02, Stage::Keepalive, status, "", None);
            assert_eq!(error.kind, kind, "{status}");
            assert_eq!(error.retryable(), retryable, "{status}");
            assert_eq!(error.status_code, Some(status));
        }
        for stage in [Stage::Create, Stage::Models] {
            let error = Error::from_response(Api::V1, stage, 404, "", None);
            assert!(
                !error.retryable() && error.message.contains("api-url"),
                "{error}"
            );
        }
    }

    #[test]
    fn any_body_is_accepted() {
        let json = r#"{"error":"x","message":"too long","request_id":"r1","details":null}"#;
        let error = Error::from_response(Api::V02, Stage::Create, 422, json, None);
        assert!(error.message.ends_with(" too long."), "{error}");
        assert_eq!(error.request_id.as_deref(), Some("r1"));
        for body in ["", "<html>502</html>", "[1]", "{\"message\": 3}", "{\"mess"] {
            let error = Error::from_response(Api::V02, Stage::Create, 502, body, None);
            assert_eq!(error.request_id, None);
            assert!(!error.message.contains("html"), "{error}");
        }
    }
}
