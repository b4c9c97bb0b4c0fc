// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The common part of all senders, also of the one in `webrtcsink/`: a process that plays a pipeline and measures
//! itself.
//!
//! `run` is the main function. `capture_times`, `encoder` and `resource_usage` are what it measures. The elements and
//! their properties are in the `main` of each sender, not here.

mod capture_times;
mod encoder;
mod resource_usage;
pub mod run;
