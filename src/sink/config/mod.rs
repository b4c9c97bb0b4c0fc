//! Property values, checked, and the plan of one run that they make.
//!
//! May use `codec`, `frames` (the types of a source and of a rate limit) and the types of `session`. Nothing
//! here touches a pipeline or the network.

pub mod endpoint;
#[cfg(test)]
mod fuzz_tests;
pub mod ice_servers;
pub mod plan;
pub mod questions;
pub mod settings;
pub mod transport;
