// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's output: bus messages, answer pads and statistics.
//!
//! This room may use `config`. No code here decides what happens next: the controller does. No code here
//! waits for a reader of messages or pads.

pub mod alerts;
pub mod answer_pad;
pub mod changes;
pub mod costs;
pub mod delivery;
#[cfg(test)]
mod fuzz_tests;
mod link_stats;
pub mod messages;
#[cfg(test)]
mod messages_tests;
pub mod sent_frames;
pub mod stats;
