// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The newest frames, kept while there is no stream: a change or an event may be about the time before it was reported.
//! Encoded video is kept from a frame on at which decoding can begin.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::backlog;
use super::held_frame::{HeldFrame, make_lead};
use super::timeline::Arrival;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;

/// A change in encoded video is known this much later at most: it is decoded first.
const DECODING: Duration = Duration::from_secs(1);

/// Frames of the last while.
pub struct Lookback {
    time: Duration,
    frames: VecDeque<HeldFrame>,
    bytes: usize,
    /// An encoded frame is missing: those up to the next key frame cannot be decoded.
    is_cut: bool,
}

impl Lookback {
    /// Frames of this time are kept.
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            frames: VecDeque::new(),
            bytes: 0,
            is_cut: false,
        }
    }

    /// A frame has arrived. Encoded ones are kept, and raw ones copied.
    pub fn keep(
        &mut self,
        sample: &gst::Sample,
        arrival: Arrival,
        access: RandomAccess,
        codec: Option<Codec>,
    ) {
        match codec {
            None => self.keep_raw(sample, arrival),
            Some(_) => self.keep_encoded(HeldFrame::encoded(sample.clone(), arrival, access)),
        }
    }

    fn keep_raw(&mut self, sample: &gst::Sample, arrival: Arrival) {
        // They fill half of the backlog, so that there is room for those that follow.
        let frames = backlog::MAX_BYTES / 2 / super::held_frame::size(sample).max(1);
        let frames = frames.clamp(1, backlog::MAX_FRAMES / 2);
        let step = self.time / u32::try_from(frames).unwrap_or(u32::MAX);
        let newest = self.frames.back().map(|frame| frame.arrival.at);
        let is_due = newest.is_none_or(|newest| arrival.at - newest >= step);
        if self.time.is_zero() || !is_due {
            return;
        }
        if let Some(copy) = HeldFrame::copy_of(sample, arrival) {
            self.push(copy);
        }
        let time = self.time;
        let is_old = |frame: &HeldFrame| frame.arrival.at + time <= arrival.at;
        while self.frames.get(1).is_some_and(is_old) || self.bytes > backlog::MAX_BYTES {
            self.drop_first(1);
        }
    }

    fn keep_encoded(&mut self, frame: HeldFrame) {
        let is_key = frame.access != RandomAccess::None;
        if !is_key && (self.is_cut || self.frames.is_empty()) {
            return;
        }
        self.is_cut = false;
        let (now, begins_gop) = (frame.arrival.at, frame.begins_gop());
        self.push(frame);
        if begins_gop {
            let first = self.index_of_gop(now.checked_sub(self.time + DECODING));
            self.drop_first(first);
        }
        while self.bytes > backlog::MAX_ENCODED_BYTES
            || self.frames.len() > backlog::MAX_ENCODED_FRAMES
        {
            let mut rest = self.frames.iter().skip(1);
            match rest.position(|frame| frame.access != RandomAccess::None) {
                Some(second) => self.drop_first(second + 1),
                None => self.clear(),
            }
        }
    }

    /// An encoded frame is missing.
    pub fn lost_frame(&mut self) {
        self.is_cut = true;
    }

    /// Takes the frames from this time on, with the picture of this time and what is needed to decode it.
    pub fn since(mut self, since: Instant) -> VecDeque<HeldFrame> {
        let first = self.index_of_gop(Some(since));
        self.drop_first(first);
        // The last of those up to this time is the picture of this time.
        let up_to = |frame: &HeldFrame| frame.arrival.at <= since;
        let lead = self.frames.partition_point(up_to).saturating_sub(1);
        make_lead(&mut self.frames, lead);
        self.frames
    }

    /// The frame at which decoding must begin for the picture of this time. Of raw video it is the frame itself.
    fn index_of_gop(&self, time: Option<Instant>) -> usize {
        let is_before = |frame: &HeldFrame| Some(frame.arrival.at) <= time && frame.begins_gop();
        self.frames.iter().rposition(is_before).unwrap_or(0)
    }

    fn push(&mut self, frame: HeldFrame) {
        self.bytes += frame.size();
        self.frames.push_back(frame);
    }

    fn drop_first(&mut self, count: usize) {
        let dropped = self.frames.drain(..count);
        self.bytes -= dropped.map(|frame| frame.size()).sum::<usize>();
    }

    fn clear(&mut self) {
        self.frames.clear();
        (self.bytes, self.is_cut) = (0, true);
    }
}

#[cfg(test)]
mod tests {
    use RandomAccess::{Full, None, Partial};

    use super::*;
    use crate::sink::frames::held_frame::tests::frame;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Adds encoded frames, ten a second, up to this second.
    fn fill(lookback: &mut Lookback, start: Instant, seconds: u64, key_each: u64, size: usize) {
        for n in 0..seconds * 10 {
            let access = if n.is_multiple_of(key_each) {
                Full
            } else {
                None
            };
            lookback.keep_encoded(frame(start + MS(n * 100), size, access));
        }
    }

    /// The times of the frames, in ms, and how many of them are only there for the others.
    fn since(lookback: Lookback, start: Instant, ms: u64) -> (Vec<u128>, usize) {
        let frames = lookback.since(start + MS(ms));
        let lead = frames.iter().filter(|frame| frame.is_lead).count();
        let times = frames.iter().map(|frame| frame.arrival.at - start);
        (times.map(|time| time.as_millis()).collect(), lead)
    }

    #[test]
    fn encoded_frames_begin_with_the_group_of_pictures_of_the_time() {
        let start = Instant::now();
        let mut lookback = Lookback::new(Duration::ZERO);
        fill(&mut lookback, start, 6, 10, 9);
        // Key frames at 4 s and 5 s; the one before is of no use.
        assert_eq!(lookback.frames.len(), 20);
        let (times, lead) = since(lookback, start, 4_800);
        assert_eq!(lead, 8);
        assert_eq!(
            times[..10],
            [4792, 4793, 4794, 4795, 4796, 4797, 4798, 4799, 4800, 4900]
        );
        assert_eq!(times.len(), 20);
        let mut lookback = Lookback::new(MS(2_500));
        fill(&mut lookback, start, 20, 10, 9);
        assert!(lookback.frames.len() <= 50);
        let (times, lead) = since(lookback, start, 17_000);
        assert_eq!((times[0], lead, times.len()), (17_000, 0, 30));
        // Without a frame of that time, the newest one.
        let mut lookback = Lookback::new(Duration::ZERO);
        fill(&mut lookback, start, 2, 100, 9);
        let (times, lead) = since(lookback, start, 60_000);
        assert_eq!((times.len(), lead, times[19]), (20, 19, 1_900));
        assert!(Lookback::new(MS(1)).since(start).is_empty());
    }

    #[test]
    fn encoded_frames_are_bounded_and_have_no_gap() {
        let start = Instant::now();
        let mut lookback = Lookback::new(MS(60_000));
        fill(
            &mut lookback,
            start,
            60,
            10,
            backlog::MAX_ENCODED_BYTES / 100,
        );
        assert!(lookback.bytes <= backlog::MAX_ENCODED_BYTES);
        assert!((90..=100).contains(&lookback.frames.len()));
        assert_eq!(lookback.frames[0].access, Full);
        // One group of pictures that is too large.
        let mut lookback = Lookback::new(Duration::ZERO);
        lookback.keep_encoded(frame(start, backlog::MAX_ENCODED_BYTES + 1, Full));
        assert!(lookback.frames.is_empty());
        lookback.keep_encoded(frame(start, 9, None));
        assert!(lookback.frames.is_empty());
        for access in [Partial, None] {
            lookback.keep_encoded(frame(start, 9, access));
        }
        lookback.lost_frame();
        lookback.keep_encoded(frame(start, 9, None));
        assert_eq!(lookback.frames.len(), 2);
        lookback.keep_encoded(frame(start, 9, Full));
        assert_eq!(lookback.frames.len(), 3);
        let (times, lead) = since(lookback, start, 0);
        assert_eq!((times.len(), lead), (1, 0));
    }

    #[test]
    fn raw_frames_cover_the_time_however_large_they_are() {
        let start = Instant::now();
        for size in [9, backlog::MAX_BYTES / 20] {
            let mut lookback = Lookback::new(MS(2_000));
            for n in 0..100 {
                let frame = frame(start + MS(n * 100), size, Full);
                lookback.keep_raw(&frame.sample, frame.arrival);
            }
            assert!(lookback.bytes <= backlog::MAX_BYTES / 2 + size);
            let (times, lead) = since(lookback, start, 8_050);
            assert!((7_800..=8_050).contains(&times[0]), "{times:?}");
            assert!(lead == 0 && times.last() >= Some(&9_700), "{times:?}");
            assert!(
                times.windows(2).all(|pair| pair[1] - pair[0] <= 200),
                "{times:?}"
            );
        }
        // Nothing is copied if nothing before an event is wanted.
        let mut lookback = Lookback::new(Duration::ZERO);
        let frame = frame(start, 9, Full);
        lookback.keep_raw(&frame.sample, frame.arrival);
        assert!(lookback.frames.is_empty());
    }
}
