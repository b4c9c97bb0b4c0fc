// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Frames that wait for a stream, from the one on that shows a change. They are sent at about the pace at which they came,
//! because the service samples with its own clock: of frames that come together, it sees only the last one. Encoded ones
//! begin with what is needed to decode the first of them, and that is sent without pauses.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::held_frame::{HeldFrame, make_lead};
use super::timeline::Arrival;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;

/// Raw frames that are kept at most. If there are more, every second one is dropped, so that the rest covers all of the time.
pub const MAX_FRAMES: usize = 256;
/// Bytes of raw frames that are kept at most, besides one frame: 46 frames of 1280 × 720 in I420.
pub const MAX_BYTES: usize = 64 << 20;
/// Encoded frames that are kept at most: 34 s of 30 a second.
pub const MAX_ENCODED_FRAMES: usize = 1024;
/// Their bytes: 20 s of 6.7 Mbit/s.
pub const MAX_ENCODED_BYTES: usize = 16 << 20;
/// Waiting frames are sent faster than they came, by this factor, so that the video is live again after a while: the delay
/// of the connection is made up for in four times its length.
const CATCH_UP_SPEED: f64 = 1.25;
/// Longest time from one frame to the next while they are sent, for a source that paused meanwhile.
const MAX_STEP: Duration = Duration::from_millis(500);
/// Time from one frame to the next of those that are only decoded: a decoder of 720p takes about as long.
const LEAD_STEP: Duration = Duration::from_millis(2);
/// Timers are never so late, unless the machine is overloaded.
const MAX_LAG: Duration = Duration::from_millis(50);
/// Of 30 frames a second, this leaves one in half a minute.
const MAX_THINNED: u32 = 10;
/// The next try if the encoder is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Frames that wait, the oldest first.
#[derive(Default)]
pub struct Backlog {
    /// Of encoded frames.
    codec: Option<Codec>,
    frames: VecDeque<HeldFrame>,
    bytes: usize,
    /// How often the raw frames that wait were thinned out: of new ones, one in two to the power of this is kept, too.
    thinned: u32,
    /// The raw frames that came since they were last thinned out.
    arrived: u64,
    /// An encoded frame is missing: those up to the next key frame cannot be decoded.
    is_cut: bool,
    /// The encoded frames that were sent since a key frame. Another chain needs them.
    sent: VecDeque<HeldFrame>,
    /// When the next frame is sent. `None`: there is no chain for it.
    due: Option<Instant>,
    /// The video has ended.
    is_last: bool,
}

impl Backlog {
    /// `codec`: of encoded frames.
    pub fn new(codec: Option<Codec>, frames: VecDeque<HeldFrame>) -> Self {
        Self {
            codec,
            bytes: frames.iter().map(HeldFrame::size).sum(),
            arrived: frames.len() as u64,
            frames,
            ..Self::default()
        }
    }

    /// `None`: the frames are raw.
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Keeps a frame of this codec; a raw one is copied. Returns how many frames were dropped.
    pub fn keep(
        &mut self,
        sample: &gst::Sample,
        arrival: Arrival,
        access: RandomAccess,
        codec: Option<Codec>,
    ) -> usize {
        let mut dropped = 0;
        if self.codec != codec {
            // No chain takes both.
            dropped = self.frames.len();
            *self = Self::new(codec, VecDeque::new());
        }
        dropped
            + match codec {
                None => self.keep_raw(sample, arrival),
                Some(_) => self.keep_encoded(HeldFrame::encoded(sample.clone(), arrival, access)),
            }
    }

    fn keep_raw(&mut self, sample: &gst::Sample, arrival: Arrival) -> usize {
        let is_left_out = !self.arrived.is_multiple_of(1 << self.thinned);
        self.arrived += 1;
        if is_left_out {
            return 1;
        }
        let Some(held) = HeldFrame::copy_of(sample, arrival) else {
            return 1;
        };
        self.bytes += held.size();
        self.frames.push_back(held);
        let before = self.frames.len();
        while self.frames.len() > MAX_FRAMES || (self.bytes > MAX_BYTES && self.frames.len() > 1) {
            self.thin_out();
        }
        before - self.frames.len()
    }

    /// Drops every second frame, but not the first.
    fn thin_out(&mut self) {
        let mut index = 0;
        self.frames.retain(|_| {
            index += 1;
            index % 2 == 1
        });
        self.thinned = (self.thinned + 1).min(MAX_THINNED);
        self.arrived = 1;
        self.bytes = self.frames.iter().map(HeldFrame::size).sum();
    }

    fn keep_encoded(&mut self, frame: HeldFrame) -> usize {
        let is_key = frame.access != RandomAccess::None;
        if !is_key && (self.is_cut || (self.frames.is_empty() && self.sent.is_empty())) {
            return 1;
        }
        self.is_cut = false;
        self.bytes += frame.size();
        self.frames.push_back(frame);
        let before = self.frames.len();
        while self.frames.len() > MAX_ENCODED_FRAMES || self.bytes > MAX_ENCODED_BYTES {
            self.make_room();
        }
        before - self.frames.len()
    }

    /// Drops encoded frames so that the others can be decoded: the first group of pictures has the change, and what
    /// comes after it is shown by its key frames at least.
    fn make_room(&mut self) {
        let begins = |frame: &HeldFrame| frame.begins_gop();
        let second = self.frames.iter().skip(1).position(begins);
        let last = self.frames.iter().rposition(begins);
        let between = match second.map(|second| second + 1).zip(last) {
            Some((second, last)) if second < last => second..last,
            _ => {
                // It goes on at the next key frame.
                self.frames.pop_back();
                self.is_cut = true;
                self.bytes = self.frames.iter().map(HeldFrame::size).sum();
                return;
            }
        };
        let are_keys = self.frames.range(between.clone()).all(begins);
        let (mut index, mut nth_key) = (0, 0);
        self.frames.retain(|frame| {
            let is_between = between.contains(&index);
            index += 1;
            nth_key += u32::from(is_between);
            !is_between || (frame.begins_gop() && !(are_keys && nth_key % 2 == 1))
        });
        self.bytes = self.frames.iter().map(HeldFrame::size).sum();
    }

    /// An encoded frame is missing.
    pub fn lost_frame(&mut self) {
        self.is_cut = self.codec.is_some();
    }

    /// Whether encoded frames were dropped after the last one.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// There is a chain now.
    pub fn start(&mut self) {
        // Room becomes free again.
        self.thinned = 0;
        self.due = Some(Instant::now());
    }

    /// There is no chain any more. The next one needs what was sent since a key frame.
    pub fn pause(&mut self) {
        self.due = None;
        let sent = std::mem::take(&mut self.sent);
        let lead = sent.len();
        self.bytes += sent.iter().map(HeldFrame::size).sum::<usize>();
        sent.into_iter()
            .rev()
            .for_each(|frame| self.frames.push_front(frame));
        make_lead(&mut self.frames, lead);
    }

    /// When [`Backlog::take`] is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The encoder is busy.
    pub fn postpone(&mut self) {
        self.due = Some(Instant::now() + BUSY_PAUSE);
    }

    /// No frame comes after those that wait.
    pub fn end(&mut self) {
        self.is_last = true;
    }

    /// Whether the video has ended.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Takes the next frame, and schedules the one after it. `None`: all were sent.
    pub fn take(&mut self) -> Option<HeldFrame> {
        let held = self.frames.pop_front()?;
        self.bytes -= held.size();
        let next = self.frames.front().map(|next| next.arrival.at);
        let step = match next {
            Some(next) if !held.is_lead => next.saturating_duration_since(held.arrival.at),
            _ => LEAD_STEP.mul_f64(CATCH_UP_SPEED),
        };
        // Counted from the time at which this one was due, because timers are late.
        let now = Instant::now();
        let was_due = self.due.unwrap_or(now).max(now - MAX_LAG).min(now);
        self.due = Some(was_due + step.min(MAX_STEP).div_f64(CATCH_UP_SPEED));
        if self.codec.is_some() {
            if held.begins_gop() {
                self.sent.clear();
            }
            self.sent.push_back(held.clone());
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests {
    use RandomAccess::{Full, None};

    use super::*;
    use crate::sink::frames::held_frame::tests::frame;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Keeps a raw frame.
    fn keep(backlog: &mut Backlog, at: Instant, size: usize) -> usize {
        let frame = frame(at, size, Full);
        backlog.keep(&frame.sample, frame.arrival, Full, Option::None)
    }

    /// An encoded frame arrives.
    fn add(backlog: &mut Backlog, at: Instant, size: usize, access: RandomAccess) -> usize {
        let frame = frame(at, size, access);
        backlog.keep(&frame.sample, frame.arrival, access, Some(Codec::H264))
    }

    /// The times of the frames that are left, in ms.
    fn left(backlog: &Backlog, start: Instant) -> Vec<u128> {
        let times = backlog.frames.iter().map(|held| held.arrival.at - start);
        times.map(|time| time.as_millis()).collect()
    }

    #[test]
    fn a_full_backlog_goes_on_covering_all_of_the_time() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        let mut dropped = 0;
        for n in 0..2_000 {
            dropped += keep(&mut backlog, start + ms(n * 100), 100);
        }
        let left = left(&backlog, start);
        assert!((MAX_FRAMES / 2..=MAX_FRAMES).contains(&left.len()));
        assert_eq!(left.len() + dropped, 2_000);
        assert_eq!(backlog.bytes, left.len() * 100);
        assert_eq!(left[0], 0, "the change itself");
        let steps: Vec<_> = left.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| *step <= 1_600), "{steps:?}");
        assert!(left.last() >= Some(&198_400), "{left:?}");
    }

    #[test]
    fn its_bytes_are_bounded() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        for n in 0..10 {
            keep(&mut backlog, start + ms(n), MAX_BYTES / 4);
            assert!(backlog.bytes <= MAX_BYTES);
        }
        assert_eq!(left(&backlog, start)[0], 0);
        // At least one is kept, whatever its size.
        let mut backlog = Backlog::default();
        assert_eq!(keep(&mut backlog, start, MAX_BYTES + 1), 0);
        assert_eq!(keep(&mut backlog, start, 9), 1);
    }

    #[test]
    fn frames_are_sent_a_little_faster_than_they_came() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        assert_eq!(backlog.due(), Option::None);
        for at in [0, 100, 200, 5_000] {
            keep(&mut backlog, start + ms(at), 9);
        }
        backlog.start();
        for (at, pause) in [(0, 80), (100, 80), (200, 400), (5_000, 2)] {
            // As if that time had come.
            let was_due = Instant::now();
            backlog.due = Some(was_due);
            let held = backlog.take().expect("a frame");
            assert_eq!(held.arrival.at, start + ms(at));
            assert_eq!(backlog.due(), Some(was_due + ms(pause)), "{at}");
        }
        assert!(backlog.take().is_none());
        assert_eq!(backlog.bytes, 0);
    }

    #[test]
    fn encoded_frames_have_the_first_group_of_pictures_and_later_key_frames() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        let mut dropped = add(&mut backlog, start, 9, None);
        for n in 0..10_000 {
            let access = if n % 10 == 0 { Full } else { None };
            dropped += add(&mut backlog, start + ms(n * 100), 9, access);
        }
        let left = left(&backlog, start);
        assert!((MAX_ENCODED_FRAMES / 4..=MAX_ENCODED_FRAMES).contains(&left.len()));
        assert_eq!(left.len() + dropped, 10_001);
        assert_eq!(backlog.bytes, left.len() * 9);
        let first: Vec<_> = (0..1_000).step_by(100).collect();
        assert_eq!(left[..10], first);
        let mut previous = 0;
        for (at, frame) in left.iter().zip(&backlog.frames) {
            assert!(frame.begins_gop() || *at == previous + 100, "{at}");
            previous = *at;
        }
        let longest = left.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest <= Some(20_000), "{longest:?}");
        assert!(left.last() >= Some(&999_000), "{left:?}");
    }

    #[test]
    fn an_endless_group_of_pictures_is_cut() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        for n in 0..2_000 {
            let access = if n == 0 { Full } else { None };
            add(&mut backlog, start + ms(n), MAX_ENCODED_BYTES / 100, access);
        }
        assert!(backlog.bytes <= MAX_ENCODED_BYTES && backlog.is_cut());
        assert_eq!(left(&backlog, start)[..3], [0, 1, 2]);
        // It goes on at a key frame.
        let length = backlog.len();
        assert_eq!(add(&mut backlog, start + ms(9_000), 9, None), 1);
        assert_eq!(add(&mut backlog, start + ms(9_000), 9, Full), 0);
        assert!(!backlog.is_cut() && backlog.len() == length + 1);
    }

    #[test]
    fn another_chain_begins_with_a_key_frame_again() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        for n in 0..30 {
            let access = if n % 10 == 0 { Full } else { None };
            add(&mut backlog, start + ms(n * 100), 9, access);
        }
        backlog.start();
        (0..15).for_each(|_| assert!(backlog.take().is_some()));
        backlog.pause();
        assert_eq!(
            left(&backlog, start)[..6],
            [1495, 1496, 1497, 1498, 1499, 1500]
        );
        assert_eq!(backlog.bytes, 20 * 9);
        backlog.start();
        let lead: Vec<_> = (0..6)
            .map(|_| {
                let frame = backlog.take().expect("a frame");
                let due = backlog.due().expect("a time");
                (frame.begins_gop(), due <= Instant::now() + LEAD_STEP)
            })
            .collect();
        assert_eq!(lead[0], (true, true));
        assert_eq!(lead[5], (false, false));
        // Frames of another codec replace them.
        let waiting = backlog.len();
        assert_eq!(keep(&mut backlog, start, 9), waiting);
        assert_eq!((backlog.codec(), backlog.len()), (Option::None, 1));
    }
}
