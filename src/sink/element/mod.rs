//! The GObject: properties, pads, states, signals, and what stands in front of the inner sink.
//!
//! May use all other rooms. Nothing here waits for the network: what takes time is a request to the
//! controller, or a task on the shared runtime.

pub mod ask;
pub mod get_models;
pub mod imp;
pub mod input;
pub mod lifecycle;
pub mod output;
pub mod signals;
pub mod state;
pub mod transcode;
