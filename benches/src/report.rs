// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The report of a sender, as one line of JSON. Times are in ns of CLOCK_MONOTONIC, which is the same for all
//! processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// User and system time in the window, in seconds.
    pub cpu: f64,
    /// The length of the window, in seconds.
    pub wall: f64,
    /// VmHWM (peak of resident memory), in KiB.
    pub peak: u64,
    /// The number of threads at the end of the window.
    pub threads: usize,
    /// When the state was set to PLAYING.
    pub playing: u64,
    /// When the window ended.
    pub end: u64,
    /// The capture times of the first stream, by frame number.
    pub captured: BTreeMap<u16, u64>,
    /// The encoder, with all properties that are not at their defaults.
    pub encoder: Option<String>,
    /// The counters of each `overshootsink`, by stream id.
    pub counts: BTreeMap<String, Counts>,
}

/// The frame counters after the window.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub taken: u64,
    /// Frames that were dropped because the service does not need them.
    pub over_rate: u64,
    pub sent: u64,
}

impl Counts {
    /// Frames that were neither sent nor dropped on purpose.
    pub fn unsent(&self) -> u64 {
        self.taken.saturating_sub(self.over_rate + self.sent)
    }
}
