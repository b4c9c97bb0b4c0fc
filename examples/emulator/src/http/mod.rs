//! HTTP.

pub(crate) mod connection;
pub(crate) mod request;
