//! Frames that came while there was no connection, as far as they are of use to the next one: of
//! raw video the newest, of encoded video what the far side needs to decode the newest.

use std::collections::VecDeque;
use std::time::Instant;

/// Larger groups of pictures are given up: a connection then begins at their next key frame.
const MAX_BYTES: usize = 2 << 20;
const MAX_FRAMES: usize = 300;

/// A frame, and when it came.
pub type CachedFrame = (gst::Sample, Instant);

#[derive(Default)]
pub struct GopCache {
    kept: VecDeque<CachedFrame>,
    bytes: usize,
}

impl GopCache {
    /// Keeps a frame. How many are lost by that, this one included.
    pub fn keep(&mut self, sample: gst::Sample, encoded: bool) -> usize {
        let Some(buffer) = sample.buffer() else {
            return 0;
        };
        let begins = !encoded || is_key(buffer);
        let size = buffer.size();
        let mut lost = 0;
        if begins {
            lost = self.clear();
        } else if self.kept.is_empty() {
            return 1;
        }
        if !begins && (self.bytes + size > MAX_BYTES || self.kept.len() >= MAX_FRAMES) {
            return self.clear() + 1;
        }
        self.bytes += size;
        self.kept.push_back((sample, Instant::now()));
        lost
    }

    pub fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.kept).len()
    }

    pub fn take(&mut self) -> VecDeque<CachedFrame> {
        self.bytes = 0;
        std::mem::take(&mut self.kept)
    }
}

/// Whether decoding can begin with this frame of encoded video.
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
        assert_eq!(cache.keep(frame(9, false), true), 1, "of no use");
        assert_eq!(cache.keep(frame(9, true), true), 0);
        assert_eq!(cache.keep(frame(9, false), true), 0);
        assert_eq!(cache.keep(frame(9, true), true), 2, "a new group begins");
        assert_eq!(cache.keep(frame(9, false), true), 0);
        assert_eq!(cache.keep(frame(MAX_BYTES, false), true), 3, "too much");
        assert_eq!(cache.keep(frame(9, false), true), 1);
        assert!(cache.take().is_empty());
    }
}
