// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The input of the chain of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use gst::prelude::*;

use super::orientation::Orientation;
use super::stamps::Stamps;
use crate::sink::codec::video_codec::Codec;

/// The input of the chain of one connection, and what the chain reports back.
#[derive(Clone)]
pub struct ChainInput {
    pub appsrc: gst_app::AppSrc,
    /// The codec of video that is passed through. `None`: the chain encodes raw video.
    pub codec: Option<Codec>,
    /// How many frames the encoder has output.
    pub encoded_frames: Arc<AtomicU64>,
    /// The remote peer requested a key frame of video that is passed through.
    pub key_wanted: Arc<AtomicBool>,
    /// The timestamps of its frames.
    pub stamps: Arc<Stamps>,
}

impl ChainInput {
    /// How many frames the encoder has output.
    pub fn encoded(&self) -> u64 {
        self.encoded_frames.load(Relaxed)
    }

    /// Live input drops the oldest frame instead of blocking the streaming thread; other input blocks it.
    /// Video that is passed through never blocks, because there is no encoder to wait for.
    pub fn set_live(&self, live: bool) {
        if self.codec.is_some() {
            return;
        }
        self.appsrc.set_block(!live);
        self.appsrc.set_leaky_type(if live {
            gst_app::AppLeakyType::Downstream
        } else {
            gst_app::AppLeakyType::None
        });
    }

    /// Announces the caps and the orientation of the next frames. `rate` is the rate limit of raw video. This
    /// only queues them, before the next frame.
    pub fn announce(
        &self,
        caps: Option<&gst::Caps>,
        orientation: Orientation,
        rate: gst::Fraction,
    ) {
        let Some(caps) = caps else {
            return;
        };
        if self.codec.is_some() {
            self.appsrc.set_caps(Some(caps));
            return;
        }
        let caps = with_max_rate(caps, rate);
        self.appsrc.set_caps(Some(&caps));
        // After the caps: an appsrc of GStreamer 1.22 (tested) sends the segment before any other event, and the
        // segment must not come before the caps.
        self.appsrc.send_event(orientation.event());
    }
}

/// Reduces the frame rate in the caps to the rate limit: encoders divide their bitrate by it.
fn with_max_rate(caps: &gst::Caps, rate: gst::Fraction) -> gst::Caps {
    let mut caps = caps.clone();
    if rate.numer() > 0
        && let Some(structure) = caps.make_mut().structure_mut(0)
        && structure
            .get::<gst::Fraction>("framerate")
            .is_ok_and(|input| input.numer() == 0 || input > rate)
    {
        structure.set("framerate", rate);
    }
    caps
}
