// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The chain of the current connection, and what it has received.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use gst::prelude::*;

use super::chain_input::ChainInput;
use super::key_frame_requests::{KeyFrameRequests, SourceRequest};
use super::orientation::Orientation;
use super::timeline::{Arrival, Timeline};
use crate::sink::codec::random_access::RandomAccess;

/// Maximum number of encoded frames that wait to be sent. Frames wait only on an overloaded machine.
const MAX_QUEUED_ENCODED_FRAMES: u64 = 60;

pub struct Target {
    pub chain: ChainInput,
    pub key_frames: KeyFrameRequests,
    caps: Option<gst::Caps>,
    orientation: Orientation,
    /// The remote peer has received a key frame and all frames after it.
    decodable: bool,
    /// How many frames may wait: more while the cached ones are sent.
    max_queued: u64,
    timeline: Timeline,
}

impl Target {
    pub fn new(chain: ChainInput) -> Self {
        Self {
            chain,
            key_frames: KeyFrameRequests::default(),
            caps: None,
            orientation: Orientation::default(),
            decodable: false,
            max_queued: MAX_QUEUED_ENCODED_FRAMES,
            timeline: Timeline::default(),
        }
    }

    /// So many cached frames are queued.
    pub fn cached_queued(&mut self, frames: usize) {
        self.max_queued += frames as u64;
    }

    /// A frame is missing: the next ones cannot be decoded, up to a key frame.
    pub fn lost_frame(&mut self) {
        self.decodable = false;
    }

    /// Whether the remote peer can decode this encoded frame.
    pub fn can_decode(&mut self, access: RandomAccess) -> bool {
        let queued = self.chain.appsrc.current_level_buffers();
        if queued > self.max_queued {
            self.decodable = false;
        } else if access != RandomAccess::None {
            self.decodable = true;
        }
        self.max_queued = self
            .max_queued
            .min(queued + MAX_QUEUED_ENCODED_FRAMES)
            .max(MAX_QUEUED_ENCODED_FRAMES);
        self.decodable
    }

    /// Records that a frame is passed on, and makes it ready for the chain, with a new timestamp. The first frame of
    /// encoded video is a key frame. Sets new caps.
    pub fn pass_on(
        &mut self,
        sample: &gst::Sample,
        arrival: &Arrival,
        access: RandomAccess,
        rate: gst::Fraction,
    ) -> Option<gst::Buffer> {
        self.decodable = true;
        self.key_frames.passed_on(access);
        let mut buffer = sample.buffer_owned()?;
        let (caps, orientation) = (sample.caps_owned(), Orientation::of_sample(sample));
        if self.caps != caps || self.orientation != orientation {
            // The lock makes sure that two threads agree on which caps are the newest.
            self.chain.announce(caps.as_ref(), orientation, rate);
            (self.caps, self.orientation) = (caps, orientation);
        }
        let waited = gst::ClockTime::try_from(arrival.at.elapsed()).unwrap_or(gst::ClockTime::MAX);
        let arrived = self.chain.appsrc.current_running_time();
        let arrived = arrived.map(|now| now.saturating_sub(waited));
        let pts = arrived.map(|arrived| self.timeline.stamp(arrival, arrived));
        if let Some((pts, running_time)) = pts.zip(arrival.running_time) {
            self.chain.stamps.add(pts, running_time);
        }
        let writable = buffer.make_mut();
        writable.set_pts(pts);
        writable.set_dts(None);
        Some(buffer)
    }

    /// What the remote peer wants from the source.
    pub fn source_request(&mut self) -> Option<SourceRequest> {
        if !self.chain.key_wanted.load(Relaxed) {
            return None;
        }
        let request = self.key_frames.asked(Instant::now())?;
        self.chain.key_wanted.store(false, Relaxed);
        Some(request)
    }

    /// The timestamp with which the last frame is sent once more.
    pub fn stamp_again(&mut self) -> Option<gst::ClockTime> {
        self.timeline.stamp_again()
    }
}
