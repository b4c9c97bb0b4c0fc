// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The events that a peer reports to its owner, and the errors in them.

use std::sync::Arc;

use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::Candidate;

/// Receives a peer's events. It is called from webrtcbin's threads and must not block.
pub type PeerEventHandler = Arc<dyn Fn(PeerEvent) + Send + Sync>;

#[derive(Debug)]
pub enum PeerEvent {
    /// The offer. With `Gathering::Complete` it contains the candidates.
    Offer(String),
    /// A candidate for an offer without all candidates (`Gathering::Trickled`).
    Candidate(Candidate),
    /// ICE and DTLS have succeeded: video can flow.
    Connected,
    /// After EOS, all video has left the chain.
    Drained,
    /// The connection or the encoder has failed, and can't recover.
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
