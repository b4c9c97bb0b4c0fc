//! Service.

pub(crate) mod app;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod credits;
pub(crate) mod lifecycle;
pub(crate) mod live_stream;
pub(crate) mod rtp_timeline;
pub(crate) mod streams;
