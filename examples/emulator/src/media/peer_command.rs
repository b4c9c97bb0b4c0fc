//! What a peer is told while it runs.

use tokio::sync::{mpsc, oneshot};

/// In a room, offers and candidates come one by one.
pub(crate) enum PeerCommand {
    /// Answer this offer.
    Offer {
        sdp: String,
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// The other side can be reached here, too.
    Candidate(String),
    /// A video track was announced: what was not is not looked at.
    TrackAnnounced,
}

/// The next command, where there can be one.
pub(crate) async fn next(commands: &mut Option<mpsc::Receiver<PeerCommand>>) -> PeerCommand {
    if let Some(receiver) = commands {
        match receiver.recv().await {
            Some(command) => return command,
            None => *commands = None,
        }
    }
    std::future::pending().await
}
