//! Receiver.

pub(crate) mod decoder;
pub(crate) mod negotiation;
pub(crate) mod peer;
pub(crate) mod peer_command;
pub(crate) mod receiver;
pub(crate) mod sdp;
pub(crate) mod simulcast;
