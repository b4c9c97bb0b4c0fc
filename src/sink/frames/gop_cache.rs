// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Caches what a new decoder needs for the newest frame. Of encoded video this is the current group of pictures (GOP);
//! it is kept all the time, because a new connection, or a decoder that is inserted, begins with it. Of raw video it is
//! the newest frame, kept while there is no connection.

use std::collections::VecDeque;

use super::timeline::Arrival;
use crate::sink::codec::random_access::RandomAccess;

/// A larger GOP is discarded up to its last key frame. 8 MiB are 10 s of 6.7 Mbit/s.
const MAX_BYTES: usize = 8 << 20;
/// 20 s of 25 frames per second. Some cameras send a key frame every 10 to 20 s ("smart codec").
const MAX_FRAMES: usize = 500;

/// A frame in the cache.
#[derive(Clone)]
pub struct CachedFrame {
    pub sample: gst::Sample,
    pub arrival: Arrival,
    pub access: RandomAccess,
    /// It was passed to a connection, or counted as dropped.
    accounted: bool,
}

#[derive(Default)]
pub struct GopCache {
    frames: VecDeque<CachedFrame>,
    bytes: usize,
}

impl GopCache {
    /// Caches a frame. `accounted`: it needs not be counted when it is discarded. Returns how many frames that must be
    /// counted were discarded, including this one if it was.
    pub fn keep(
        &mut self,
        sample: gst::Sample,
        arrival: Arrival,
        access: RandomAccess,
        accounted: bool,
    ) -> usize {
        // Everything is discarded at an IDR. At another key frame, nothing is: not every decoder can begin there.
        let mut lost = match access {
            RandomAccess::Full => self.clear(),
            RandomAccess::Partial => 0,
            RandomAccess::None if self.frames.is_empty() => return usize::from(!accounted),
            RandomAccess::None => 0,
        };
        self.bytes += size(&sample);
        self.frames.push_back(CachedFrame {
            sample,
            arrival,
            access,
            accounted,
        });
        while self.frames.len() > 1 && (self.bytes > MAX_BYTES || self.frames.len() > MAX_FRAMES) {
            lost += self.discard_to_last_key_frame();
        }
        lost
    }

    /// Discards the frames before the last key frame; all, if the only one is the first frame.
    fn discard_to_last_key_frame(&mut self) -> usize {
        let last = self
            .frames
            .iter()
            .rposition(|frame| frame.access != RandomAccess::None)
            .filter(|last| *last > 0)
            .unwrap_or(self.frames.len());
        let kept = self.frames.split_off(last);
        let lost = unaccounted(&self.frames);
        self.bytes = kept.iter().map(|frame| size(&frame.sample)).sum();
        self.frames = kept;
        lost
    }

    /// Discards all frames. Returns how many must be counted.
    pub fn clear(&mut self) -> usize {
        unaccounted(&self.take())
    }

    pub fn take(&mut self) -> VecDeque<CachedFrame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }

    /// The frames to pass to a connection: all, or only those that are not accounted for. From now on they are.
    pub fn pass_on(&mut self, all: bool) -> Vec<CachedFrame> {
        self.frames
            .iter_mut()
            .filter(|frame| all || !frame.accounted)
            .map(|frame| {
                frame.accounted = true;
                frame.clone()
            })
            .collect()
    }

    /// All frames, the oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &CachedFrame> {
        self.frames.iter()
    }

    /// From now on, all of them are accounted for.
    pub fn account(&mut self) {
        for frame in &mut self.frames {
            frame.accounted = true;
        }
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<&gst::Sample> {
        self.frames.back().map(|frame| &frame.sample)
    }
}

fn unaccounted(frames: &VecDeque<CachedFrame>) -> usize {
    frames.iter().filter(|frame| !frame.accounted).count()
}

fn size(sample: &gst::Sample) -> usize {
    sample.buffer().map_or(0, gst::BufferRef::size)
}

#[cfg(test)]
mod tests {
    use RandomAccess::{Full, None, Partial};

    use super::*;

    fn frame(size: usize) -> gst::Sample {
        gst::init().expect("GStreamer");
        let buffer = gst::Buffer::with_size(size).expect("a buffer");
        gst::Sample::builder().buffer(&buffer).build()
    }

    fn arrival() -> Arrival {
        Arrival::new(Option::None, Option::None, Option::None)
    }

    #[test]
    fn raw_video_keeps_the_newest() {
        let mut cache = GopCache::default();
        assert_eq!(cache.keep(frame(9), arrival(), Full, false), 0);
        assert_eq!(cache.keep(frame(9), arrival(), Full, false), 1);
        assert_eq!(cache.take().len(), 1);
    }

    #[test]
    fn encoded_video_keeps_what_is_needed_to_decode_the_newest() {
        let mut cache = GopCache::default();
        assert_eq!(
            cache.keep(frame(9), arrival(), None, false),
            1,
            "no key frame before it"
        );
        assert_eq!(cache.keep(frame(9), arrival(), Full, false), 0);
        assert_eq!(cache.keep(frame(9), arrival(), None, false), 0);
        assert_eq!(
            cache.keep(frame(9), arrival(), Full, false),
            2,
            "a new GOP begins"
        );
        assert_eq!(cache.keep(frame(9), arrival(), None, false), 0);
        assert_eq!(
            cache.keep(frame(MAX_BYTES), arrival(), None, false),
            3,
            "too many bytes"
        );
        assert_eq!(cache.keep(frame(9), arrival(), None, false), 1);
        assert!(cache.take().is_empty());
    }

    #[test]
    fn an_idr_stays_until_the_cache_is_full() {
        let mut cache = GopCache::default();
        cache.keep(frame(9), arrival(), Full, false);
        cache.keep(frame(9), arrival(), None, false);
        assert_eq!(cache.keep(frame(9), arrival(), Partial, false), 0);
        assert_eq!(cache.pass_on(true).len(), 3);
        assert!(cache.pass_on(false).is_empty());
        for _ in 3..MAX_FRAMES {
            assert_eq!(cache.keep(frame(9), arrival(), None, false), 0);
        }
        assert_eq!(
            cache.keep(frame(9), arrival(), None, false),
            0,
            "those before were passed on"
        );
        assert_eq!(
            cache.take().len(),
            MAX_FRAMES - 1,
            "it begins with the other key frame"
        );
        cache.keep(frame(9), arrival(), Partial, true);
        assert_eq!(cache.keep(frame(9), arrival(), Full, false), 0);
        assert_eq!(cache.take().len(), 1);
    }
}
