// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Raw frames that wait for a stream, from the one on that shows a change. They are sent at about the pace at which they came,
//! because the service samples with its own clock: of frames that come together, it sees only the last one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::ClockTime;

use super::timeline::Arrival;

/// Frames that are kept at most. If there are more, every second one is dropped, so that the rest covers all of the time.
const MAX_FRAMES: usize = 256;
/// Bytes that are kept at most, besides one frame: 46 frames of 1280 × 720 in I420.
const MAX_BYTES: usize = 64 << 20;
/// Waiting frames are sent faster than they came, by this factor, so that the video is live again after a while: the delay
/// of the connection is made up for in four times its length.
const CATCH_UP_SPEED: f64 = 1.25;
/// Longest time from one frame to the next while they are sent, for a source that paused meanwhile.
const MAX_STEP: Duration = Duration::from_millis(500);
/// Of 30 frames a second, this leaves one in half a minute.
const MAX_THINNED: u32 = 10;
/// The next try if the encoder is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How many times of sending are remembered. This is more than an answer takes.
const MAX_DELAYS: usize = 256;

/// A frame that waits.
pub struct HeldFrame {
    pub sample: gst::Sample,
    pub arrival: Arrival,
}

/// Frames that wait, the oldest first.
#[derive(Default)]
pub struct Backlog {
    frames: VecDeque<HeldFrame>,
    bytes: usize,
    /// How often the frames that wait were thinned out: of new ones, one in two to the power of this is kept, too.
    thinned: u32,
    /// The frames that came since they were last thinned out.
    arrived: u64,
    /// When the next frame is sent. `None`: there is no chain for it.
    due: Option<Instant>,
    /// The video has ended.
    is_last: bool,
}

impl Backlog {
    /// Keeps a copy of a frame: buffers of the source's pool must return to it. Returns how many frames were dropped.
    pub fn keep(&mut self, sample: &gst::Sample, arrival: Arrival) -> usize {
        let is_left_out = !self.arrived.is_multiple_of(1 << self.thinned);
        self.arrived += 1;
        if is_left_out {
            return 1;
        }
        let Some(sample) = deep_copy(sample) else {
            return 1;
        };
        self.bytes += size(&sample);
        self.frames.push_back(HeldFrame { sample, arrival });
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
        self.bytes = self.frames.iter().map(|held| size(&held.sample)).sum();
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

    /// There is no chain any more.
    pub fn pause(&mut self) {
        self.due = None;
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
        self.bytes -= size(&held.sample);
        let next = self.frames.front().map(|next| next.arrival.at);
        let step = next.map_or(Duration::ZERO, |next| next - held.arrival.at);
        self.due = Some(Instant::now() + step.min(MAX_STEP).div_f64(CATCH_UP_SPEED));
        Some(held)
    }
}

/// How much later than they arrived frames were sent.
#[derive(Default)]
pub struct Delays(VecDeque<(Instant, Duration)>);

impl Delays {
    /// A frame is sent now that arrived then.
    pub fn add(&mut self, arrived: Instant) {
        self.add_at(Instant::now(), arrived);
    }

    fn add_at(&mut self, now: Instant, arrived: Instant) {
        if self.0.len() == MAX_DELAYS {
            self.0.pop_front();
        }
        self.0
            .push_back((now, now.saturating_duration_since(arrived)));
    }

    /// The delay of the newest frame that was sent by then.
    pub fn at(&self, then: Instant) -> ClockTime {
        let sent = self.0.iter().rev().find(|(sent, _)| *sent <= then);
        let delay = sent.map_or(Duration::ZERO, |(_, delay)| *delay);
        ClockTime::try_from(delay).unwrap_or(ClockTime::ZERO)
    }
}

fn deep_copy(sample: &gst::SampleRef) -> Option<gst::Sample> {
    let buffer = sample.buffer()?.copy_deep().ok()?;
    let (caps, info) = (sample.caps_owned(), sample.info());
    let copy = gst::Sample::builder()
        .buffer(&buffer)
        .caps_if_some(caps.as_ref())
        .segment_if_some(sample.segment());
    Some(match info {
        Some(info) => copy.info(info.to_owned()).build(),
        None => copy.build(),
    })
}

fn size(sample: &gst::Sample) -> usize {
    sample.buffer().map_or(0, gst::BufferRef::size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: usize) -> gst::Sample {
        gst::init().expect("GStreamer");
        let buffer = gst::Buffer::with_size(size).expect("a buffer");
        gst::Sample::builder().buffer(&buffer).build()
    }

    fn arrival(at: Instant) -> Arrival {
        Arrival {
            at,
            running_time: None,
            age: ClockTime::ZERO,
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
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
            dropped += backlog.keep(&frame(100), arrival(start + ms(n * 100)));
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
            backlog.keep(&frame(MAX_BYTES / 4), arrival(start + ms(n)));
            assert!(backlog.bytes <= MAX_BYTES);
        }
        assert_eq!(left(&backlog, start)[0], 0);
        // At least one is kept, whatever its size.
        let mut backlog = Backlog::default();
        assert_eq!(backlog.keep(&frame(MAX_BYTES + 1), arrival(start)), 0);
        assert_eq!(backlog.keep(&frame(9), arrival(start)), 1);
    }

    #[test]
    fn frames_are_sent_a_little_faster_than_they_came() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        assert_eq!(backlog.due(), None);
        for at in [0, 100, 200, 5_000] {
            backlog.keep(&frame(9), arrival(start + ms(at)));
        }
        backlog.start();
        for (at, pause) in [(0, 80), (100, 80), (200, 400), (5_000, 0)] {
            let before = Instant::now();
            let held = backlog.take().expect("a frame");
            assert_eq!(held.arrival.at, start + ms(at));
            let due = backlog.due().expect("a time");
            assert!(due >= before + ms(pause), "{at}");
            assert!(due <= Instant::now() + ms(pause), "{at}");
        }
        assert!(backlog.take().is_none());
        assert_eq!(backlog.bytes, 0);
    }

    #[test]
    fn the_delay_of_a_time_is_that_of_the_newest_frame_sent_by_then() {
        let (mut delays, start) = (Delays::default(), Instant::now());
        assert_eq!(delays.at(start), ClockTime::ZERO);
        let at = |time| start + ms(time);
        delays.add_at(at(1_000), at(600));
        delays.add_at(at(1_100), at(720));
        delays.add_at(at(1_200), at(1_200));
        for (time, delay) in [(900, 0), (1_000, 400), (1_150, 380), (9_000, 0)] {
            let expected = ClockTime::from_mseconds(delay);
            assert_eq!(delays.at(at(time)), expected, "{time}");
        }
        for n in 0..1_000 {
            delays.add_at(at(2_000 + n), at(n));
        }
        assert_eq!(delays.0.len(), MAX_DELAYS);
    }
}
