// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! webrtcbin and the encoding chain in front of it, in a separate pipeline: making the offer, accepting
//! the answer, encoding, congestion control, retransmission, and workarounds for webrtcbin.
//!
//! This room may use `codec`, `config` and `frames`. It may not know the service or the state of the
//! element: it reports what happens as a `PeerEvent`.

pub mod answer_sdp;
pub mod certificate;
pub mod colour_matrix;
pub mod congestion;
pub mod device_input;
pub mod encoding_chain;
pub mod event;
#[cfg(test)]
mod fuzz_tests;
pub mod input_follower;
pub mod livekit_rtcp;
pub mod log_redaction;
pub mod needs;
pub mod pacing;
pub mod packet_lists;
pub mod peer;
pub mod retransmission;
pub mod rtp_caps;
pub mod warm_up;
pub mod webrtcbin;
