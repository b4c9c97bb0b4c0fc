//! webrtcbin and the chain in front of it, in a pipeline of their own.
//!
//! May use `codec`, `config` and `frames`. It knows neither the service nor the state of the element: it
//! makes an offer, takes an answer, and reports by events.

pub mod certificate;
pub mod congestion;
pub mod encoding_chain;
pub mod event;
pub mod livekit_rtcp;
pub mod log_redaction;
pub mod peer;
pub mod retransmission;
pub mod rtp_caps;
pub mod warm_up;
pub mod webrtcbin;
