// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property values, their checks, and the plan of one run that results from them.
//!
//! This room may use `codec`, `frames` (only the types of a source and of a rate limit) and the types of
//! `session`. No code here touches a pipeline or the network.

pub mod alerts;
pub mod ask_about;
pub mod ask_when;
pub mod budget;
pub mod condition;
mod credentials;
pub mod endpoint;
pub mod evidence;
mod fields;
pub mod file_pattern;
#[cfg(test)]
mod fuzz_tests;
pub mod ice_servers;
pub mod idle;
pub mod pictures;
pub mod plan;
pub mod questions;
pub mod settings;
pub mod transport;
mod words;
