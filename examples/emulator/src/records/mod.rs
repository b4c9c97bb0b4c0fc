//! Records.

pub(crate) mod event;
pub(crate) mod snapshot;
