// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The client of the service: HTTP, WebSockets and LiveKit signalling. Nothing here uses GStreamer.
//!
//! A [`Session`] is one stream, from `POST /streams` to `DELETE`. It reports what happens by
//! [`Event`]s. A session that has ended is not resumed: the element starts a new one.
//!
//! | module | concern |
//! |---|---|
//! | [`config`], [`event`] | what a session needs, what it reports |
//! | [`request`], [`question`], [`prompt`] | the settings of a stream, its questions and prompt, the service's limits |
//! | [`v02`], [`v1`] | a stream of API v0.2 or v1, from its creation to its deletion |
//! | [`create_and_delete`] | creating and deleting a stream, so that none is left to be billed |
//! | `requested_answer` | answers that the element has requested, in the form of those that v0.2 pushes |
//! | [`costs`] | what a run costs, and its budget |
//! | [`lease`], [`retry`] | when to renew the lease, when to try a call again |
//! | [`protocol`] | the wire types that both APIs share |
//! | [`keep_warm`] | a connection that is kept open while there is no stream |
//! | [`http`], [`websocket`], `tls` | one HTTP client for all elements |
//! | `cookies` | the cookies of one stream, and why one is not sent |
//! | `proxy`, `tunnel` | which proxy is used, and WebSockets through it |
//! | [`ask_window`] | the events that questions wait for |
//! | [`live_questions`] | the questions that have changed since the start |
//! | [`models`] | the list of models |
//! | [`viewer`] | a token to watch what the model sees |
//! | [`public_service`] | the addresses of the public service |
//! | [`livekit`] | signalling with a LiveKit room |
//! | [`schema`] | whether an answer matches `output-schema` |
//! | `outbox`, [`throttle`] | events that wait for the element, limits for a service that sends too much |
//! | [`json`], [`model_text`], [`heartbeat`] | what services send, read leniently: JSON, answers, heartbeats |
//! | [`error`], [`error_body`], [`error_response`] | errors, and what the service says about them |
//! | [`judgement`] | what a status means: who says it, what worked before, whether a retry can help |
//! | [`secret`] | keys and tokens, which are never printed |

pub mod api_version;
pub mod ask_window;
pub mod config;
mod cookies;
pub mod costs;
pub mod create_and_delete;
pub mod error;
pub mod error_body;
pub mod error_response;
pub mod event;
#[cfg(test)]
mod fuzz_tests;
pub mod heartbeat;
pub mod http;
pub mod json;
pub mod judgement;
pub mod keep_warm;
pub mod lease;
pub mod live_questions;
pub mod livekit;
pub mod model_text;
pub mod models;
mod outbox;
pub mod prompt;
pub mod protocol;
mod proxy;
pub mod public_service;
pub mod question;
pub mod request;
mod requested_answer;
pub mod retry;
pub mod schema;
pub mod secret;
pub mod throttle;
mod tls;
mod tunnel;
pub mod v02;
pub mod v1;
pub mod viewer;
pub mod websocket;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::at_exit::{self, Work};
pub use api_version::Api;
pub use config::{NewestFrame, SentFrame, SessionConfig, VideoSource};
pub use event::{Answer, Created, Event, FrameHistory, PartialAnswer};
use protocol::Feedback;
use question::OneShotQuestion;

/// The longest time from [`Session::stop`] to the end of the session: it waits for a stream that is being
/// created, to delete it, and tries the `DELETE` twice.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Events that may wait for the element. When the queue is full, the session stops reading the socket,
/// which makes the service wait.
const EVENT_QUEUE: usize = 64;

/// One-shot questions that may wait for the session.
const ONE_SHOT_QUEUE: usize = 8;

/// A call on the stream that the application asks for.
pub enum StreamCall {
    Feedback(Feedback),
    Viewer,
}

/// A running stream. Dropping it also ends the stream on the service; [`Session::join`] waits for that.
pub struct Session {
    stop: CancellationToken,
    calls: mpsc::Sender<StreamCall>,
    one_shots: mpsc::Sender<OneShotQuestion>,
    task: JoinHandle<()>,
}

impl Session {
    /// Starts a session. Its events end (`None`) when the session ends, for whatever reason.
    pub fn start(runtime: &Handle, config: SessionConfig) -> (Self, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        // People do not make calls faster than this.
        let (calls, calls_in) = mpsc::channel(8);
        let stop = at_exit::token();
        let (one_shots, one_shots_in) = mpsc::channel(ONE_SHOT_QUEUE);
        let (work, stopped) = (Work::begin(), stop.clone());
        let task = runtime.spawn(async move {
            let _work = work;
            match config.api {
                Api::V02 => v02::run(config, stopped, events, one_shots_in, calls_in).await,
                Api::V1 => v1::run(config, stopped, events, one_shots_in, calls_in).await,
            }
        });
        let session = Self {
            stop,
            calls,
            one_shots,
            task,
        };
        (session, received)
    }

    /// Makes a call on the stream. Returns `false` when too many wait already, or the session has ended.
    pub fn call(&self, call: StreamCall) -> bool {
        self.calls.try_send(call).is_ok()
    }

    /// Asks a one-shot question. Returns `false` when too many wait already, or the session has ended.
    pub fn ask(&self, question: OneShotQuestion) -> bool {
        self.one_shots.try_send(question).is_ok()
    }

    /// Starts to end the stream. That takes [`CLOSE_TIMEOUT`] at most.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end. The caller must receive the events meanwhile.
    pub async fn join(mut self) {
        self.stop();
        // If the task panicked, the panic hook has reported it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
    }
}
