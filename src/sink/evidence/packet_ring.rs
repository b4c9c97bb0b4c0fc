// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The last seconds of encoded video. The first frame is always a key frame.

use std::collections::VecDeque;

use gst::ClockTime;

use crate::sink::codec::random_access::RandomAccess;

/// A minute at 8 Mbit/s.
pub const MAX_BYTES: usize = 64 << 20;
/// Small frames: more than two minutes at 30 frames per second.
pub const MAX_PACKETS: usize = 4096;

/// An encoded frame. Its timestamps are running times.
#[derive(Debug, Clone)]
pub struct Packet {
    pub buffer: gst::Buffer,
    pub caps: gst::Caps,
    pub time: ClockTime,
    pub access: RandomAccess,
}

impl Packet {
    pub fn is_key(&self) -> bool {
        self.access != RandomAccess::None
    }
}

/// Limited by time, bytes and frames.
#[derive(Debug)]
pub struct PacketRing {
    length: ClockTime,
    max_bytes: usize,
    bytes: usize,
    packets: VecDeque<Packet>,
}

impl PacketRing {
    pub fn new(length: ClockTime, max_bytes: usize) -> Self {
        Self {
            length,
            max_bytes,
            bytes: 0,
            packets: VecDeque::new(),
        }
    }

    pub fn push(&mut self, packet: Packet) {
        let Some(newest) = self.packets.back().map(|newest| newest.time) else {
            if packet.is_key() {
                self.add(packet);
            }
            return;
        };
        // A seek back. B-frames are not that far apart.
        if packet.time + ClockTime::SECOND < newest {
            self.clear();
            return self.push(packet);
        }
        let newest = newest.max(packet.time);
        self.add(packet);
        while let Some(next) = self.second_key_frame() {
            let is_long_enough = newest.saturating_sub(self.packets[next].time) >= self.length;
            if !is_long_enough && !self.is_too_large() {
                break;
            }
            self.drop_front(next);
        }
        // Even the frames since the last key frame are too many: start again with the next key frame.
        if self.is_too_large() {
            self.clear();
        }
    }

    fn add(&mut self, packet: Packet) {
        self.bytes += packet.buffer.size();
        self.packets.push_back(packet);
    }

    fn is_too_large(&self) -> bool {
        self.bytes > self.max_bytes || self.packets.len() > MAX_PACKETS
    }

    pub fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
    }

    /// The frames from the last key frame at or before this time, or else from the first frame.
    pub fn since(&self, time: ClockTime) -> Vec<Packet> {
        let first = self.key_frame_before(time, |_| true).unwrap_or(0);
        self.packets.range(first..).cloned().collect()
    }

    /// What a decoder needs for the frame of this time: it and those before it, from a frame on at which every decoder can
    /// begin. All have the same format. `None`: there is no such frame, or the frame has not arrived.
    pub fn leading_to(&self, time: ClockTime) -> Option<Vec<Packet>> {
        let last = self.packets.iter().position(|packet| packet.time == time)?;
        let caps = &self.packets[last].caps;
        let full = |packet: &Packet| packet.access == RandomAccess::Full && packet.caps == *caps;
        let first = self
            .key_frame_before(time, full)
            .or_else(|| self.key_frame_before(time, |packet| packet.caps == *caps))?;
        (first <= last).then(|| self.packets.range(first..=last).cloned().collect())
    }

    fn key_frame_before(
        &self,
        time: ClockTime,
        is_usable: impl Fn(&Packet) -> bool,
    ) -> Option<usize> {
        self.packets
            .iter()
            .rposition(|packet| packet.is_key() && packet.time <= time && is_usable(packet))
    }

    fn second_key_frame(&self) -> Option<usize> {
        let mut later = self.packets.iter().enumerate().skip(1);
        later.find_map(|(index, packet)| packet.is_key().then_some(index))
    }

    fn drop_front(&mut self, count: usize) {
        let dropped = self.packets.drain(..count);
        self.bytes -= dropped.map(|packet| packet.buffer.size()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes frames of 100 bytes, ten per second, with a key frame each second.
    fn push_frames(ring: &mut PacketRing, frames: std::ops::Range<u64>) {
        gst::init().expect("GStreamer starts");
        for number in frames {
            let access = match number % 10 {
                0 if number == 30 => RandomAccess::Partial,
                0 => RandomAccess::Full,
                _ => RandomAccess::None,
            };
            ring.push(Packet {
                buffer: gst::Buffer::with_size(100).expect("memory"),
                caps: gst::Caps::new_empty_simple("video/x-h264"),
                time: ms(number * 100),
                access,
            });
        }
    }

    const fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    fn first_and_last(packets: &[Packet]) -> (u64, u64) {
        let time = |packet: Option<&Packet>| packet.expect("a frame").time.mseconds();
        (time(packets.first()), time(packets.last()))
    }

    #[test]
    fn it_keeps_the_last_seconds_from_a_key_frame_on() {
        let mut ring = PacketRing::new(ClockTime::from_seconds(3), usize::MAX);
        push_frames(&mut ring, 5..55);
        let all = ring.since(ClockTime::ZERO);
        assert_eq!(first_and_last(&all), (2_000, 5_400));
        assert!(all[0].is_key());
        assert_eq!(first_and_last(&ring.since(ms(3_900))), (3_000, 5_400));
        assert_eq!(first_and_last(&ring.since(ms(4_000))), (4_000, 5_400));
        // The video begins again, after a seek back.
        push_frames(&mut ring, 10..13);
        assert_eq!(first_and_last(&ring.since(ms(0))), (1_000, 1_200));
    }

    #[test]
    fn a_decoder_begins_where_every_decoder_can() {
        let mut ring = PacketRing::new(ClockTime::from_seconds(3), usize::MAX);
        push_frames(&mut ring, 0..55);
        let leading = |at| ring.leading_to(ms(at)).map(|found| first_and_last(&found));
        assert_eq!(leading(4_200), Some((4_000, 4_200)));
        assert_eq!(leading(3_500), Some((2_000, 3_500)));
        assert_eq!(leading(4_250), None);
        assert_eq!(leading(9_000), None);
        assert_eq!(leading(100), None);
    }

    #[test]
    fn it_is_limited_by_bytes_and_frames_too() {
        let mut ring = PacketRing::new(ClockTime::from_seconds(3), 1500);
        push_frames(&mut ring, 0..55);
        assert_eq!(first_and_last(&ring.since(ClockTime::ZERO)), (4_000, 5_400));
        // One group of pictures is larger than the limit: nothing is kept until the next key frame.
        let mut ring = PacketRing::new(ClockTime::from_seconds(3), 500);
        push_frames(&mut ring, 0..8);
        assert!(ring.since(ClockTime::ZERO).is_empty());
        push_frames(&mut ring, 8..13);
        assert_eq!(first_and_last(&ring.since(ClockTime::ZERO)), (1_000, 1_200));
        let mut ring = PacketRing::new(ClockTime::MAX, usize::MAX);
        push_frames(&mut ring, 0..10_000);
        assert!(ring.packets.len() <= MAX_PACKETS);
    }
}
