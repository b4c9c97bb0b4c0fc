//! What a peer tells its owner, and the errors among it.

use std::sync::Arc;

use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::Candidate;

/// What a peer tells; it is called from webrtcbin's threads and must not block.
pub type PeerEventHandler = Arc<dyn Fn(PeerEvent) + Send + Sync>;

#[derive(Debug)]
pub enum PeerEvent {
    /// The offer; complete with candidates where it was to be.
    Offer(String),
    /// A candidate for an offer that need not be complete.
    Candidate(Candidate),
    /// ICE and DTLS are done: video can flow.
    Connected,
    /// All video that was put in has left.
    Drained,
    /// The connection or the encoder is beyond repair.
    Failed(Error),
}

pub fn offer_failed(why: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Media,
        Stage::Offer,
        format!("The WebRTC offer failed: {why}."),
    )
}

pub fn bad_answer(why: &str) -> Error {
    Error::new(
        Kind::Protocol,
        Stage::Connect,
        format!("The service's WebRTC answer can't be used: {why}."),
    )
}

pub fn connect_failed(why: &str) -> Error {
    Error::new(
        Kind::Media,
        Stage::Connect,
        format!("The WebRTC connection failed: {why}."),
    )
}

pub fn media_failed(why: &str) -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        format!("Sending video failed: {why}."),
    )
}
