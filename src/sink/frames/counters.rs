// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Counts frames by what happened to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

#[derive(Debug, Default)]
pub struct Counters {
    pub arrived: AtomicU64,
    /// Dropped by the rate limit.
    pub over_rate: AtomicU64,
    /// Dropped because there was no connection.
    pub unconnected: AtomicU64,
    /// Encoded frames, dropped because the remote peer had no key frame to decode them with.
    pub undecodable: AtomicU64,
    /// Dropped because data is missing in them.
    pub damaged: AtomicU64,
    pub damage_reported: AtomicBool,
    /// Raw frames put into the encoder's queue.
    pub queued: AtomicU64,
}

impl Counters {
    /// Adds the counters to `stats`. `encoded`: the frames that encoders have output. `waiting`: the raw frames
    /// that wait for the encoder.
    pub fn add_to(&self, stats: &mut gst::StructureRef, encoded: u64, waiting: u64) {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let busy = count(&self.queued).saturating_sub(encoded + waiting);
        stats.set("frames-in", count(&self.arrived));
        stats.set("frames-dropped-rate", count(&self.over_rate));
        stats.set("frames-dropped-unconnected", count(&self.unconnected));
        stats.set("frames-dropped-busy", busy);
        stats.set("frames-dropped-undecodable", count(&self.undecodable));
        stats.set("frames-dropped-damaged", count(&self.damaged));
        stats.set("frames-encoded", encoded);
    }
}
