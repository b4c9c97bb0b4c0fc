//! What is sent out of turn.

use std::time::Instant;

use crate::codec::Codec;

/// What [`Control::send_on_socket`](crate::Control::send_on_socket) sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMessage {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A close frame; the socket then ends as usual.
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
    /// Tell the publisher to leave, and close.
    Leave(LeaveAction),
    /// A binary message, of whatever sense.
    Binary(Vec<u8>),
    /// A new token.
    RefreshToken,
    /// Write nothing from now on, not even a pong.
    Silence,
    /// Close the connection.
    Close,
    /// Drop the connection with a TCP reset.
    Reset,
}

/// What LiveKit tells a client that must leave to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveAction {
    /// Stay away.
    Disconnect,
    /// Come back as the same participant.
    Resume,
    /// Come back as a new one.
    Reconnect,
}

/// What [`Control::feed`](crate::Control::feed) takes.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct FedFrame {
    /// How it is encoded.
    pub codec: Codec,
    /// The bytes.
    pub data: Vec<u8>,
    /// 90 kHz.
    pub rtp_time: u64,
    /// When it is to have arrived.
    pub arrived: Instant,
    /// Whether it can be decoded alone.
    pub keyframe: bool,
}
