//! What a session needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use url::Url;

use super::api_version::Api;
use super::protocol::RoomAccess;
use super::request::StreamRequest;
use super::secret::Secret;

/// A frame that has left.
#[derive(Debug, Clone, Copy)]
pub struct SentFrame {
    pub sent: Instant,
    pub captured: Instant,
}

/// The newest frame that had been sent by then; `None` before the first.
pub type NewestFrame = Arc<dyn Fn(Instant) -> Option<SentFrame> + Send + Sync>;

/// What a session needs.
pub struct SessionConfig {
    pub api: Api,
    pub api_url: Url,
    pub api_key: Secret,
    /// For each HTTP call.
    pub timeout: Duration,
    pub request: StreamRequest,
    /// Of API v1 it is always a new room.
    pub source: VideoSource,
    /// The prompt, now and as it changes.
    pub prompt: watch::Receiver<String>,
    /// Tells how old the picture is that an answer is about, where the service does not.
    pub newest_frame: NewestFrame,
}

/// Where the service gets the video from.
#[derive(Clone)]
pub enum VideoSource {
    /// A connection of its own: the SDP offer, complete with candidates.
    Webrtc(String),
    /// A LiveKit room of the application's.
    Room(RoomAccess),
    /// A LiveKit room that the service makes.
    NewRoom,
}
