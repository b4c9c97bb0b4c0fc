// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The JPEG pictures of the frames that were sent of late.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use gst::ClockTime;

use crate::lock::lock;

/// At 100 KB a picture of 1280x720: 11 s at 30 frames per second, and 45 s at 7.5.
const MAX_BYTES: usize = 32 << 20;
/// Small pictures: more than a minute at 30 frames per second.
const MAX_STILLS: usize = 2048;
/// A picture this far from a time is of another frame.
const MAX_DISTANCE: ClockTime = ClockTime::from_mseconds(20);

/// The newest pictures, by the running times of their frames.
#[derive(Debug, Default)]
pub struct StillRing {
    state: Mutex<State>,
    added: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    stills: VecDeque<(ClockTime, gst::Sample)>,
    bytes: usize,
}

impl State {
    /// The picture next to this time. After a seek back, the newest one of that time.
    fn find(&self, time: ClockTime) -> Option<gst::Sample> {
        let distance = |(at, _): &&(ClockTime, gst::Sample)| at.absdiff(time);
        let nearest = self.stills.iter().rev().min_by_key(distance)?;
        (nearest.0.absdiff(time) <= MAX_DISTANCE).then(|| nearest.1.clone())
    }
}

impl StillRing {
    /// Adds the picture of the frame of this running time.
    pub fn add(&self, time: ClockTime, still: gst::Sample) {
        let mut state = lock(&self.state);
        state.bytes += size(&still);
        state.stills.push_back((time, still));
        while state.bytes > MAX_BYTES || state.stills.len() > MAX_STILLS {
            let Some((_, oldest)) = state.stills.pop_front() else {
                break;
            };
            state.bytes -= size(&oldest);
        }
        drop(state);
        self.added.notify_all();
    }

    /// The picture of the frame of this running time.
    pub fn find(&self, time: ClockTime) -> Option<gst::Sample> {
        lock(&self.state).find(time)
    }

    /// The same. Waits for it, if it is not there yet.
    pub fn wait_for(&self, time: ClockTime, timeout: Duration) -> Option<gst::Sample> {
        let is_missing = |state: &mut State| state.find(time).is_none();
        let waited = self
            .added
            .wait_timeout_while(lock(&self.state), timeout, is_missing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.find(time)
    }
}

fn size(still: &gst::SampleRef) -> usize {
    still.buffer().map_or(0, gst::BufferRef::size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(size: usize) -> gst::Sample {
        gst::init().expect("GStreamer");
        let buffer = gst::Buffer::with_size(size).expect("memory");
        gst::Sample::builder().buffer(&buffer).build()
    }

    #[test]
    fn only_the_picture_of_that_time_is_found() {
        let (ring, ms) = (StillRing::default(), ClockTime::from_mseconds);
        assert!(ring.find(ms(0)).is_none());
        for n in 0..10 {
            ring.add(ms(n * 100), still(n as usize + 1));
        }
        let found = |at| ring.find(ms(at)).map(|still| size(&still));
        assert_eq!(found(300), Some(4));
        assert_eq!(found(318), Some(4));
        assert_eq!(found(350), None);
        assert_eq!(found(2_000), None);
        // After a seek back.
        ring.add(ms(300), still(50));
        assert_eq!(found(300), Some(50));
        let timeout = Duration::from_millis(10);
        assert!(ring.wait_for(ms(5_000), timeout).is_none());
    }

    #[test]
    fn the_memory_is_bounded() {
        let (ring, ms) = (StillRing::default(), ClockTime::from_mseconds);
        (0..100).for_each(|n| ring.add(ms(n * 100), still(1 << 20)));
        assert_eq!(lock(&ring.state).stills.len(), 32);
        (0..5_000).for_each(|n| ring.add(ms(20_000 + n * 100), still(1)));
        let state = lock(&ring.state);
        assert_eq!((state.stills.len(), state.bytes), (MAX_STILLS, MAX_STILLS));
        drop(state);
        ring.add(ms(0), still(MAX_BYTES + 1));
        assert!(lock(&ring.state).stills.is_empty());
    }
}
