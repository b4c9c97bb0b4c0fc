//! What can go wrong between the element and the service.

use std::time::Duration;

use super::api_version::Api;
use super::error_body::ErrorBody;
use super::protocol::without_nul;

/// The nature of a failure; it decides the GStreamer error code and whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400, 422 and settings that the service would refuse.
    InvalidSettings,
    /// 401, 403 and WebSocket close 1008.
    NotAuthorized,
    /// 402.
    OutOfCredits,
    /// 404.
    NotFound,
    /// 429.
    Busy,
    /// 5xx.
    Server,
    /// No connection, or a broken one.
    Network,
    /// No answer in time.
    Timeout,
    /// An answer that does not follow the protocol.
    Protocol,
    /// ICE, DTLS or the video itself.
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

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Checking the settings, before anything is sent.
    Settings,
    /// Making the WebRTC offer.
    Offer,
    /// `POST /streams`.
    Create,
    /// ICE and DTLS.
    Connect,
    /// The results socket.
    Socket,
    /// Signalling with the LiveKit room.
    Room,
    /// Renewing the lease.
    Keepalive,
    /// Changing the prompt.
    Prompt,
    /// Encoding and sending video.
    Media,
    /// `DELETE /streams/{id}`.
    Delete,
    /// Giving feedback.
    Feedback,
    /// Listing the models.
    Models,
    /// Looking at the stream (API v1).
    Status,
    /// Asking a question (API v1).
    Ask,
    /// Looking at what is left to spend (API v1).
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

    /// Whether there is a stream by then that a 404 can be about.
    fn is_on_stream(self) -> bool {
        !matches!(self, Stage::Create | Stage::Models)
    }
}

/// A failure, with what a person needs to mend it and a program needs to react to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    pub stage: Stage,
    /// One or two sentences: what happened, and what to change.
    pub message: String,
    /// The HTTP status or WebSocket close code.
    pub status_code: Option<u16>,
    /// The service's own name for the failed request.
    pub request_id: Option<String>,
    /// How long the service asked us to wait.
    pub retry_after: Option<Duration>,
    /// The service's name for what went wrong (API v1).
    pub code: Option<String>,
    /// The region that the service wants to be asked in (API v1).
    pub region: Option<String>,
    /// No connection was made, so that the service can't have done anything.
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

    /// Whether the same can succeed later, with the same settings (protocol: "can a retry help?").
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
            // A stream that is gone can be made anew; an endpoint that is not there can't.
            Kind::NotFound => self.stage.is_on_stream(),
        }
    }

    /// An HTTP answer that is not a success.
    pub fn from_response(
        api: Api,
        stage: Stage,
        status: u16,
        body: &str,
        retry_after: Option<Duration>,
    ) -> Self {
        let told = ErrorBody::parse(body);
        let said = told
            .message
            .map(|message| format!(" The service says: {}", sentence(message)))
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
                    "There is no {0} API at this address, or it is no longer served there (HTTP 404): check api-url; it must name a service that speaks {0}, its path included.",
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
            // A WebSocket handshake that somebody took for a page.
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
            request_id: told.request_id,
            retry_after,
            code: told.code,
            region: told.region.filter(|_| status == 409),
            ..Self::new(kind, stage, advice + &said)
        }
    }

    /// A request that got no HTTP answer.
    pub fn from_request(stage: Stage, error: &reqwest::Error) -> Self {
        let (who, address) = match stage {
            Stage::Room => ("LiveKit server", "livekit-url, where it is set"),
            _ => ("service", "api-url"),
        };
        if error.is_timeout() {
            return Self::new(
                Kind::Timeout,
                stage,
                format!("The {who} did not answer in time ({}).", stage.name()),
            );
        }
        // reqwest's own text repeats the URL and hides the cause, which is what helps.
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

/// With its full stop, as more may follow.
fn sentence(mut message: String) -> String {
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
    fn bodies_of_any_kind_are_taken() {
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
