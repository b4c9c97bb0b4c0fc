// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The last seconds of a camera, as received. The first frame is always a key frame.

use std::collections::VecDeque;

/// One access unit.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its timestamp is the running time.
    pub buffer: gst::Buffer,
    pub time: gst::ClockTime,
}

impl Frame {
    pub fn is_key(&self) -> bool {
        !self.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
    }
}

/// Limited by time and by bytes.
#[derive(Debug)]
pub struct RingBuffer {
    length: gst::ClockTime,
    max_bytes: usize,
    bytes: usize,
    frames: VecDeque<Frame>,
}

impl RingBuffer {
    pub fn new(length: gst::ClockTime, max_bytes: usize) -> Self {
        Self {
            length,
            max_bytes,
            bytes: 0,
            frames: VecDeque::new(),
        }
    }

    pub fn push(&mut self, frame: Frame) {
        if self.frames.is_empty() && !frame.is_key() {
            return;
        }
        let newest = frame.time;
        self.bytes += frame.buffer.size();
        self.frames.push_back(frame);
        while let Some(next) = self.second_key_frame() {
            let long_enough = newest.saturating_sub(self.frames[next].time) >= self.length;
            if !long_enough && self.bytes <= self.max_bytes {
                break;
            }
            self.drop_front(next);
        }
        // Even the frames since the last key frame are too large: start again with the next key frame.
        if self.bytes > self.max_bytes {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// The frames from the last key frame before this time, or else from the first frame.
    pub fn since(&self, time: gst::ClockTime) -> Vec<Frame> {
        let first = self
            .frames
            .iter()
            .rposition(|frame| frame.is_key() && frame.time <= time)
            .unwrap_or(0);
        self.frames.range(first..).cloned().collect()
    }

    fn second_key_frame(&self) -> Option<usize> {
        let mut later = self.frames.iter().enumerate().skip(1);
        later.find_map(|(index, frame)| frame.is_key().then_some(index))
    }

    fn drop_front(&mut self, count: usize) {
        let dropped = self.frames.drain(..count);
        self.bytes -= dropped.map(|frame| frame.buffer.size()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes frames of 100 bytes, ten per second, with a key frame each second.
    fn push_frames(ring: &mut RingBuffer, frames: std::ops::Range<u64>) {
        gst::init().expect("GStreamer starts");
        for number in frames {
            let mut buffer = gst::Buffer::with_size(100).expect("memory");
            if !number.is_multiple_of(10) {
                let buffer = buffer.get_mut().expect("it is ours");
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            let time = gst::ClockTime::from_mseconds(number * 100);
            ring.push(Frame { buffer, time });
        }
    }

    fn first_and_last_second(frames: &[Frame]) -> (f64, f64) {
        let second = |frame: Option<&Frame>| frame.expect("a frame").time.seconds_f64();
        (second(frames.first()), second(frames.last()))
    }

    #[test]
    fn it_keeps_the_last_seconds_from_a_key_frame_on() {
        let mut ring = RingBuffer::new(gst::ClockTime::from_seconds(3), usize::MAX);
        push_frames(&mut ring, 0..55);
        let all = ring.since(gst::ClockTime::ZERO);
        assert_eq!(first_and_last_second(&all), (2.0, 5.4));
        assert!(all[0].is_key());
        assert_eq!(
            first_and_last_second(&ring.since(gst::ClockTime::from_mseconds(3900))),
            (3.0, 5.4)
        );
        assert_eq!(
            first_and_last_second(&ring.since(gst::ClockTime::from_seconds(4))),
            (4.0, 5.4)
        );
    }

    #[test]
    fn it_is_limited_by_bytes_too() {
        let mut ring = RingBuffer::new(gst::ClockTime::from_seconds(3), 1500);
        push_frames(&mut ring, 0..55);
        assert_eq!(
            first_and_last_second(&ring.since(gst::ClockTime::ZERO)),
            (4.0, 5.4)
        );
        // One group of pictures is larger than the limit: nothing is kept until the next key frame.
        let mut ring = RingBuffer::new(gst::ClockTime::from_seconds(3), 500);
        push_frames(&mut ring, 0..8);
        assert!(ring.since(gst::ClockTime::ZERO).is_empty());
        push_frames(&mut ring, 8..13);
        assert_eq!(
            first_and_last_second(&ring.since(gst::ClockTime::ZERO)),
            (1.0, 1.2)
        );
    }
}
