// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the rows of the fault matrix count, and the numbers of requests that they allow.

use std::time::Duration;

/// Counts and times of one row, or of all rows.
#[derive(Default, Clone, Copy)]
pub struct Counts {
    pub messages: usize,
    pub requests: usize,
    pub frames: u64,
    pub slowest_start: Duration,
    pub slowest_stop: Duration,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.messages += other.messages;
        self.requests += other.requests;
        self.frames += other.frames;
        self.slowest_start = self.slowest_start.max(other.slowest_start);
        self.slowest_stop = self.slowest_stop.max(other.slowest_stop);
    }
}

/// The number of requests that a row allows for a call.
pub struct CountRange {
    pub min: usize,
    pub max: usize,
}

impl CountRange {
    pub fn contains(&self, count: usize) -> bool {
        (self.min..=self.max).contains(&count)
    }
}
