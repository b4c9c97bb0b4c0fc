//! The way of a frame from the application's streaming thread to the chain of a connection.
//!
//! May use `codec`. Nothing here waits for the network, and no lock is held while a frame is pushed.

pub mod chain_input;
pub mod feeder;
pub mod gop_cache;
pub mod rate_limit;
pub mod source;
pub mod stall_detector;
