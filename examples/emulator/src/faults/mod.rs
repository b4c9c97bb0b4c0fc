//! Faults.

pub(crate) mod fault;
pub(crate) mod injected;
pub(crate) mod packet_loss;
