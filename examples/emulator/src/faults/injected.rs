// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a test injects into a running stream: messages on its sockets and signalling, and frames.

use std::time::Instant;

use crate::codec::Codec;

/// What [`Control::send_on_socket`](crate::Control::send_on_socket) sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMessage {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A close frame; the closing handshake follows.
    Close {
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// Drop the connection with a TCP reset.
    Reset,
}

/// What [`Control::send_on_signal`](crate::Control::send_on_signal) does to a room's signalling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalMessage {
    /// Send a leave request to the publisher, and close.
    Leave(LeaveAction),
    /// A binary message, valid or not.
    Binary(Vec<u8>),
    /// Send a new token.
    RefreshToken,
    /// Mute the publisher's video track (true), or end that (false).
    Mute(bool),
    /// Remove the publisher's video track.
    Unpublish,
    /// Write nothing from now on, not even a pong.
    Silence,
    /// Close the connection.
    Close,
    /// Drop the connection with a TCP reset.
    Reset,
}

/// What a leave request of LiveKit's tells the client to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveAction {
    /// Do not come back.
    Disconnect,
    /// Come back as the same participant.
    Resume,
    /// Come back as a new participant.
    Reconnect,
}

/// An encoded frame, for [`Control::feed`](crate::Control::feed).
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct FedFrame {
    /// The codec.
    pub codec: Codec,
    /// The encoded data.
    pub data: Vec<u8>,
    /// The RTP timestamp, 90 kHz.
    pub rtp_time: u64,
    /// The arrival time to record.
    pub arrived: Instant,
    /// Whether it can be decoded without other frames.
    pub keyframe: bool,
}
