//! Faults.

pub(crate) mod fault;
pub(crate) mod messages;
pub(crate) mod packet_loss;
