// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Caches frames that arrive while there is no connection, for the next connection. It keeps the newest
//! frame of raw video, and the current group of pictures (GOP) of encoded video: the remote peer needs all
//! of it to decode the newest frame.

use std::collections::VecDeque;
use std::time::Instant;

/// A larger GOP is discarded: the connection then begins at the next key frame.
const MAX_BYTES: usize = 2 << 20;
const MAX_FRAMES: usize = 300;

/// A frame and its time of arrival.
pub type CachedFrame = (gst::Sample, Instant);

#[derive(Default)]
pub struct GopCache {
    frames: VecDeque<CachedFrame>,
    bytes: usize,
}

impl GopCache {
    /// Caches a frame. Returns how many frames were discarded, including this one if it was.
    pub fn keep(&mut self, sample: gst::Sample, encoded: bool) -> usize {
        let Some(buffer) = sample.buffer() else {
            return 0;
        };
        let starts_gop = !encoded || is_key(buffer);
        let size = buffer.size();
        let mut lost = 0;
        if starts_gop {
            lost = self.clear();
        } else if self.frames.is_empty() {
            return 1;
        }
        if !starts_gop && (self.bytes + size > MAX_BYTES || self.frames.len() >= MAX_FRAMES) {
            return self.clear() + 1;
        }
        self.bytes += size;
        self.frames.push_back((sample, Instant::now()));
        lost
    }

    pub fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.frames).len()
    }

    pub fn take(&mut self) -> VecDeque<CachedFrame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

/// Whether this frame is a key frame.
pub fn is_key(buffer: &gst::BufferRef) -> bool {
    !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: usize, key: bool) -> gst::Sample {
        gst::init().expect("GStreamer");
        let mut buffer = gst::Buffer::with_size(size).expect("a buffer");
        if !key {
            buffer.make_mut().set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        gst::Sample::builder().buffer(&buffer).build()
    }

    #[test]
    fn raw_video_keeps_the_newest() {
        let mut cache = GopCache::default();
        assert_eq!(cache.keep(frame(9, true), false), 0);
        assert_eq!(cache.keep(frame(9, true), false), 1);
        assert_eq!(cache.take().len(), 1);
    }

    #[test]
    fn encoded_video_keeps_what_is_needed_to_decode_the_newest() {
        let mut cache = GopCache::default();
        assert_eq!(
            cache.keep(frame(9, false), true),
            1,
            "no key frame before it"
        );
        assert_eq!(cache.keep(frame(9, true), true), 0);
        assert_eq!(cache.keep(frame(9, false), true), 0);
        assert_eq!(cache.keep(frame(9, true), true), 2, "a new GOP begins");
        assert_eq!(cache.keep(frame(9, false), true), 0);
        assert_eq!(
            cache.keep(frame(MAX_BYTES, false), true),
            3,
            "too many bytes"
        );
        assert_eq!(cache.keep(frame(9, false), true), 1);
        assert!(cache.take().is_empty());
    }
}
