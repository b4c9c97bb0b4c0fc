// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a session needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use url::Url;

use super::api_version::Api;
use super::ask_window::AskWindow;
use super::costs::account::Account;
use super::live_questions::LiveQuestions;
use super::prompt::Prompt;
use super::protocol::RoomAccess;
use super::request::StreamRequest;
use super::secret::Secret;

/// When a frame was sent and captured.
#[derive(Debug, Clone, Copy)]
pub struct SentFrame {
    pub sent: Instant,
    pub captured: Instant,
    /// Names what is to be seen in it: two frames of the same scene need no two answers.
    pub scene: Instant,
}

/// Finds the newest frame that was sent before a time; `None` before the first frame.
pub type NewestFrame = Arc<dyn Fn(Instant) -> Option<SentFrame> + Send + Sync>;

/// What a session needs.
pub struct SessionConfig {
    pub api: Api,
    pub api_url: Url,
    pub api_key: Secret,
    /// The limit for each HTTP call.
    pub timeout: Duration,
    pub request: StreamRequest,
    /// API v1 knows [`VideoSource::NewRoom`] only.
    pub source: VideoSource,
    /// The `prompt` property, with its changes.
    pub prompt: watch::Receiver<Prompt>,
    /// The questions, with their changes.
    pub questions: watch::Receiver<LiveQuestions>,
    /// The same key and address have created a stream in this run.
    pub worked: bool,
    /// Gives the age of the picture that an answer is about (API v1): the service does not say it.
    pub newest_frame: NewestFrame,
    /// Set if questions wait for events (API v1).
    pub ask_window: Option<watch::Sender<AskWindow>>,
    /// What the run costs, and its budget.
    pub account: Arc<Account>,
}

/// Where the service receives the video.
#[derive(Clone)]
pub enum VideoSource {
    /// A direct WebRTC connection: the SDP offer with all ICE candidates.
    Webrtc(String),
    /// The application's LiveKit room.
    Room(RoomAccess),
    /// A LiveKit room that the service creates.
    NewRoom,
}
