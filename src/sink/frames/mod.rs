// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The path of a frame from the application's streaming thread to the chain of a connection: rate limit,
//! cache while there is no connection, stall detection, whether the scene changes, which objects detectors have found, and
//! the frames since a change for which there is no stream yet.
//!
//! This room may use `codec`. Nothing here may wait for the network, or hold a lock while it pushes a frame.

mod arrivals;
mod attachment;
mod backlog;
pub mod chain_input;
mod counters;
mod delays;
pub mod encoded_scene;
pub mod feeder;
#[cfg(test)]
mod feeder_tests;
mod frame_clock;
pub mod gop_cache;
mod held_frame;
pub mod key_frame_requests;
mod lookback;
pub mod objects;
pub mod orientation;
pub mod rate_limit;
mod repeat;
mod rest;
pub mod scene;
pub mod skipping;
pub mod source;
pub mod stall_detector;
pub mod stamps;
mod target;
mod timeline;
