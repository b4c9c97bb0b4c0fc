// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the newest packets of sound, bounded by time and by memory.

use std::collections::VecDeque;

use gst::ClockTime;

/// The most memory that the sound of a camera may take.
const MAX_BYTES: usize = 32 << 20;
/// What a packet takes besides its data, about.
const PACKET_OVERHEAD: usize = 512;

/// Some milliseconds of encoded sound.
#[derive(Clone, Debug)]
pub struct Packet {
    pub buffer: gst::Buffer,
    pub caps: gst::Caps,
    /// Running time of its begin.
    pub time: ClockTime,
}

#[derive(Debug)]
pub struct Ring {
    packets: VecDeque<Packet>,
    bytes: usize,
    /// How long a packet is kept.
    kept: ClockTime,
    /// Nothing becomes too old.
    pub is_held: bool,
    pub has_ended: bool,
}

impl Ring {
    pub fn new(kept: ClockTime) -> Self {
        Self {
            packets: VecDeque::new(),
            bytes: 0,
            kept,
            is_held: false,
            has_ended: false,
        }
    }

    pub fn push(&mut self, packet: Packet) {
        let newest = packet.time;
        self.bytes += size(&packet);
        self.packets.push_back(packet);
        while let Some(oldest) = self.packets.front() {
            let is_old = oldest.time.saturating_add(self.kept) < newest && !self.is_held;
            if !is_old && self.bytes <= MAX_BYTES {
                break;
            }
            self.bytes -= size(oldest);
            self.packets.pop_front();
        }
    }

    /// Whether no more sound of this time is to be expected.
    pub fn has_all_until(&self, end: ClockTime) -> bool {
        let newest = self.packets.back();
        self.has_ended || newest.is_none_or(|newest| newest.time >= end)
    }

    /// The packets between these times, until the format changes.
    pub fn between(&self, start: ClockTime, end: ClockTime) -> Vec<Packet> {
        let is_wanted = |packet: &&Packet| (start..=end).contains(&packet.time);
        let mut wanted = self.packets.iter().filter(is_wanted).peekable();
        let Some(caps) = wanted.peek().map(|first| first.caps.clone()) else {
            return Vec::new();
        };
        wanted
            .take_while(|packet| packet.caps == caps)
            .cloned()
            .collect()
    }
}

fn size(packet: &Packet) -> usize {
    packet.buffer.size() + PACKET_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &mut Ring, caps: &str, seconds: std::ops::Range<u64>, bytes: usize) {
        gst::init().expect("GStreamer");
        let caps: gst::Caps = caps.parse().expect("caps");
        for second in seconds {
            ring.push(Packet {
                buffer: gst::Buffer::with_size(bytes).expect("memory"),
                caps: caps.clone(),
                time: ClockTime::from_seconds(second),
            });
        }
    }

    fn seconds(packets: &[Packet]) -> Vec<u64> {
        packets.iter().map(|packet| packet.time.seconds()).collect()
    }

    fn between(ring: &Ring, start: u64, end: u64) -> Vec<u64> {
        let at = ClockTime::from_seconds;
        seconds(&ring.between(at(start), at(end)))
    }

    #[test]
    fn old_sound_is_dropped_unless_an_event_holds_it() {
        let mut ring = Ring::new(ClockTime::from_seconds(3));
        push(&mut ring, "audio/x-alaw", 0..10, 10);
        assert_eq!(between(&ring, 0, 8), [6, 7, 8]);
        ring.is_held = true;
        push(&mut ring, "audio/x-alaw", 10..20, 10);
        assert_eq!(between(&ring, 0, 99), (6..20).collect::<Vec<_>>());
        ring.is_held = false;
        push(&mut ring, "audio/x-alaw", 20..21, 10);
        assert_eq!(between(&ring, 0, 99), [17, 18, 19, 20]);
    }

    #[test]
    fn its_memory_is_bounded() {
        let mut ring = Ring::new(ClockTime::from_seconds(1000));
        ring.is_held = true;
        push(&mut ring, "audio/x-alaw", 0..100, 1 << 20);
        assert_eq!(between(&ring, 0, 1000), (69..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_recording_has_one_format() {
        let mut ring = Ring::new(ClockTime::from_seconds(100));
        push(&mut ring, "audio/x-alaw", 0..5, 10);
        push(&mut ring, "audio/x-mulaw", 5..10, 10);
        assert_eq!(between(&ring, 2, 8), [2, 3, 4]);
        assert_eq!(between(&ring, 6, 8), [6, 7, 8]);
        assert!(between(&ring, 20, 30).is_empty());
    }

    #[test]
    fn its_end_is_known() {
        let mut ring = Ring::new(ClockTime::from_seconds(100));
        let end = ClockTime::from_seconds(5);
        assert!(ring.has_all_until(end), "there is no sound");
        push(&mut ring, "audio/x-alaw", 0..3, 10);
        assert!(!ring.has_all_until(end));
        ring.has_ended = true;
        assert!(ring.has_all_until(end));
        ring.has_ended = false;
        push(&mut ring, "audio/x-alaw", 3..6, 10);
        assert!(ring.has_all_until(end));
    }
}
