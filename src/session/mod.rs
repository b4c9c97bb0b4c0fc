//! The service's side of the element. Nothing here knows GStreamer.
//!
//! | module | concern |
//! |---|---|
//! | [`config`], [`event`] | what a session needs, and what it tells |
//! | [`request`], [`question`] | what is asked for, and the service's limits |
//! | [`v02`], [`v1`] | a stream of either generation of the API, from its creation to its deletion |
//! | [`create_and_delete`] | how streams are made and ended, so that none is left to bill |
//! | [`lease`], [`retry`] | when to renew, when to try again |
//! | [`protocol`] | the wire types that both generations share |
//! | [`http`], [`websocket`] | one client for all, one cookie jar a stream |
//! | [`models`] | which models there are |
//! | [`livekit`] | signalling with a LiveKit room |
//! | [`schema`] | what answers are to fit |
//! | [`outbox`], [`throttle`] | events on their way, and a bound on what a service gone wrong can do |
//! | [`error`], [`error_body`] | what can go wrong, what the service says of that, and whether a retry can help |
//!
//! A [`Session`] is one stream, from `POST /streams` to `DELETE`. It tells what happens by
//! [`Event`]s; when it is over it is not resumed, a new one is started.

pub mod api_version;
pub mod config;
pub mod create_and_delete;
pub mod error;
pub mod error_body;
pub mod event;
#[cfg(test)]
mod fuzz_tests;
pub mod http;
pub mod lease;
pub mod livekit;
pub mod models;
mod outbox;
pub mod protocol;
pub mod question;
pub mod request;
pub mod retry;
pub mod schema;
pub mod secret;
pub mod throttle;
mod tls;
pub mod v02;
pub mod v1;
pub mod websocket;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use api_version::Api;
pub use config::{NewestFrame, SentFrame, SessionConfig, VideoSource};
pub use event::{Answer, Created, Event, PartialAnswer};
use protocol::Feedback;
use question::OneShotQuestion;

/// Longest time from [`Session::stop`] to the end of the session: the stream that is being
/// created is waited for, so that it can be deleted, and the `DELETE` is tried twice.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Answers that may wait for the element before the socket is no longer read, which makes the
/// service wait in turn.
const EVENT_QUEUE: usize = 64;

/// Questions that are asked once and wait for the session.
const ONE_SHOT_QUEUE: usize = 8;

/// A running stream. Dropping it without [`Session::join`] still ends the stream on the service.
pub struct Session {
    stop: CancellationToken,
    feedback: mpsc::Sender<Feedback>,
    one_shots: mpsc::Sender<OneShotQuestion>,
    task: JoinHandle<()>,
}

impl Session {
    /// Starts a session. Its events end (`None`) when it is over, on whatever path.
    pub fn start(runtime: &Handle, config: SessionConfig) -> (Self, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        // One is being sent; people do not give feedback faster than that.
        let (feedback, feedback_in) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let (one_shots, one_shots_in) = mpsc::channel(ONE_SHOT_QUEUE);
        let task = match config.api {
            Api::V02 => runtime.spawn(v02::run(config, stop.clone(), events, feedback_in)),
            Api::V1 => runtime.spawn(v1::run(
                config,
                stop.clone(),
                events,
                one_shots_in,
                feedback_in,
            )),
        };
        let session = Self {
            stop,
            feedback,
            one_shots,
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
    pub fn ask(&self, question: OneShotQuestion) -> Result<(), OneShotQuestion> {
        self.one_shots
            .try_send(question)
            .map_err(|e| e.into_inner())
    }

    /// Asks the session to end the stream; it does within [`CLOSE_TIMEOUT`].
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
