// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Media: WebRTC peers (str0m), what they receive, the decoder, and cameras that are pulled. A stream's video leaves this room as
//! measured pictures. Nothing here knows an API or LiveKit's signalling.
//!
//! - **Offers.** An SDP offer needs a video section that sends. The answer has one codec: the offer's first one
//!   that is in `codecs` and can be decoded on this machine. If there is none, the call is 422 "no common codec".
//! - **ICE and DTLS.** ICE-lite, one host candidate, no trickle; ECDSA certificates only.
//! - **RTP.** A packet whose SSRC was not declared (by `a=ssrc` or a `mid` header extension) is dropped silently.
//! - **Keyframes.** A keyframe is requested (PLI) when a stream starts and after a gap, and then again each
//!   500 ms. Frames that refer to a lost frame are not decoded.
//! - **The end.** A connection that is closed, or silent for 15 s, ends a v0.2 stream with
//!   `webrtc_disconnected`.

pub(crate) mod camera;
pub(crate) mod decoder;
pub(crate) mod negotiation;
pub(crate) mod peer;
pub(crate) mod peer_command;
mod picture;
pub(crate) mod receiver;
pub(crate) mod sdp;
mod simulcast;
mod video_track;
