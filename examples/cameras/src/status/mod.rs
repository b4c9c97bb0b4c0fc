// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The state of the cameras, for people and for Prometheus.
//!
//! `board` holds what is known of each camera. `metrics` are the counters of it, `metrics_server` serves
//! them over HTTP, `table` draws them on the terminal, and `keys` reads what is typed there. Nothing in this folder changes what a camera does.

mod board;
mod keys;
mod metrics;
pub mod metrics_server;
mod state;
pub mod table;

pub use board::{Board, CameraStatus};
pub use state::State;
