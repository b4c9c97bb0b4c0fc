// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The input of the chain of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

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
}

impl ChainInput {
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
}
