//! Faults.

pub(crate) mod fault;
pub(crate) mod packet_loss;
