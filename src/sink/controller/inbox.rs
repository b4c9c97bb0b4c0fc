//! What reaches the controller: events, requests, and values of which only the newest counts.

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::session::protocol::Feedback;
use crate::session::question::OneShotQuestion;
use crate::sink::frames::source::Source;
use crate::sink::webrtc::event::PeerEvent;

/// What reaches the controller from other threads.
pub enum Command {
    /// With the serial of the attempt that it is about.
    Peer(u64, PeerEvent),
    Feedback(Feedback),
    Ask(OneShotQuestion),
}

/// What the application changes while the controller runs: only the newest value counts.
pub struct LiveSettings {
    pub prompt: watch::Receiver<String>,
    /// bit/s
    pub bitrate: watch::Receiver<u32>,
    /// What the source brings.
    pub source: watch::Receiver<Source>,
}

/// The controller's ends of what its handle holds.
pub struct ControllerChannels {
    pub inbox: mpsc::Sender<Command>,
    pub received: mpsc::Receiver<Command>,
    pub stop: CancellationToken,
    pub end: CancellationToken,
}
