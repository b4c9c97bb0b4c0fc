// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A frame that waits for a stream.

use std::collections::VecDeque;

use super::timeline::{Arrival, MIN_STEP};
use crate::sink::codec::random_access::RandomAccess;

/// A frame that waits.
#[derive(Clone)]
pub struct HeldFrame {
    pub sample: gst::Sample,
    pub arrival: Arrival,
    pub access: RandomAccess,
    /// It is only needed to decode the frames after it, so it is sent without a pause.
    pub is_lead: bool,
}

impl HeldFrame {
    /// An encoded frame.
    pub fn encoded(sample: gst::Sample, arrival: Arrival, access: RandomAccess) -> Self {
        Self {
            sample,
            arrival,
            access,
            is_lead: false,
        }
    }

    /// A copy of a raw frame: buffers of the source's pool must return to it. `None`: it cannot be copied.
    pub fn copy_of(sample: &gst::SampleRef, arrival: Arrival) -> Option<Self> {
        let buffer = sample.buffer()?.copy_deep().ok()?;
        let (caps, info) = (sample.caps_owned(), sample.info());
        let copy = gst::Sample::builder()
            .buffer(&buffer)
            .caps_if_some(caps.as_ref())
            .segment_if_some(sample.segment());
        let sample = match info {
            Some(info) => copy.info(info.to_owned()).build(),
            None => copy.build(),
        };
        Some(Self::encoded(sample, arrival, RandomAccess::Full))
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        size(&self.sample)
    }

    /// Whether no frame after it refers to one before it.
    pub fn begins_gop(&self) -> bool {
        self.access == RandomAccess::Full
    }
}

/// Its size in bytes.
pub fn size(sample: &gst::SampleRef) -> usize {
    sample.buffer().map_or(0, gst::BufferRef::size)
}

/// So many of the first frames are only needed to decode the next one. They get times just before it: with their own ones, the
/// remote peer might show each of them for its time, and the next one late.
pub fn make_lead(frames: &mut VecDeque<HeldFrame>, count: usize) {
    let Some(mut next) = frames.get(count).map(|frame| frame.arrival) else {
        return;
    };
    for frame in frames.iter_mut().take(count).rev() {
        next = Arrival {
            at: next.at.checked_sub(MIN_STEP.into()).unwrap_or(next.at),
            running_time: next.running_time.map(|time| time.saturating_sub(MIN_STEP)),
            age: next.age,
        };
        frame.arrival = next;
        frame.is_lead = true;
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::{Duration, Instant};

    use gst::ClockTime;

    use super::*;

    /// A frame of this size that arrived at this time.
    pub fn frame(at: Instant, size: usize, access: RandomAccess) -> HeldFrame {
        gst::init().expect("GStreamer");
        let buffer = gst::Buffer::with_size(size).expect("a buffer");
        let sample = gst::Sample::builder().buffer(&buffer).build();
        HeldFrame::encoded(sample, arrival(at), access)
    }

    pub fn arrival(at: Instant) -> Arrival {
        Arrival {
            at,
            running_time: None,
            age: ClockTime::ZERO,
        }
    }

    #[test]
    fn what_leads_to_a_frame_comes_just_before_it() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut frames: VecDeque<_> = (0..4)
            .map(|n| frame(start + second * n, 9, RandomAccess::None))
            .collect();
        frames[3].arrival.running_time = Some(ClockTime::from_mseconds(2));
        make_lead(&mut frames, 3);
        let before = |frame: &HeldFrame| (start + second * 3 - frame.arrival.at).as_millis();
        assert_eq!(frames.iter().map(before).collect::<Vec<_>>(), [3, 2, 1, 0]);
        let times = frames.iter().map(|frame| frame.arrival.running_time);
        let times: Vec<_> = times.map(|time| time.expect("a time").mseconds()).collect();
        assert_eq!(times, [0, 0, 1, 2]);
        assert!(frames[2].is_lead && !frames[3].is_lead);
        // No frame follows them.
        make_lead(&mut frames, 4);
        assert!(!frames[3].is_lead);
    }
}
