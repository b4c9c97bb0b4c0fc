// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the last seconds of encoded video, and passes on the frames that belong to a clip.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use gst::ClockTime;
use gst::prelude::*;

use super::packet_ring::{MAX_BYTES, Packet, PacketRing};
use crate::lock::lock;
use crate::sink::config::evidence::ClipSpan;

/// Frames are kept this much longer than a clip begins before its alert, because an answer comes this much later than its
/// frame.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(20);
/// How many frames may wait for the disk: about ten seconds.
const MAX_QUEUED_PACKETS: usize = 300;

/// The encoded video of late, and the clip that goes on.
pub struct Packets {
    inner: Mutex<Inner>,
}

struct Inner {
    ring: PacketRing,
    /// The format of the last frame.
    caps: Option<gst::Caps>,
    open: Option<OpenClip>,
}

struct OpenClip {
    until: ClockTime,
    /// While the clip has no frame yet: how long it goes on after its first one, a key frame.
    after: Option<ClockTime>,
    /// Dropping it ends the clip.
    packets: SyncSender<Packet>,
}

/// A clip to write: its first frames, and a channel with those to come. Where the format changes, a new file begins, with
/// a key frame.
pub struct NewClip {
    pub first: Vec<Packet>,
    pub rest: Receiver<Packet>,
}

impl Packets {
    /// `span`: of the clips, if there are any.
    pub fn new(span: Option<ClipSpan>) -> Self {
        let before = span.map_or(Duration::ZERO, |span| span.before);
        Self {
            inner: Mutex::new(Inner {
                ring: PacketRing::new(clock_time(before + MAX_ANSWER_TIME), MAX_BYTES),
                caps: None,
                open: None,
            }),
        }
    }

    /// Takes the next frame, on a streaming thread. It does not wait for the disk.
    pub fn push(&self, mut packet: Packet) {
        let mut inner = lock(&self.inner);
        match &inner.caps {
            Some(caps) if is_same_format(caps, &packet.caps) => packet.caps = caps.clone(),
            // It cannot be decoded.
            _ if !packet.is_key() => return,
            _ => inner.caps = Some(packet.caps.clone()),
        }
        if let Some(open) = &mut inner.open
            && (open.after.is_none() || packet.is_key())
        {
            if let Some(after) = open.after.take() {
                open.until = open.until.max(packet.time.saturating_add(after));
            }
            // If the disk is too slow, the file ends early. A gap would be worse.
            let has_ended = packet.time > open.until
                || matches!(
                    open.packets.try_send(packet.clone()),
                    Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
                );
            if has_ended {
                inner.open = None;
            }
        }
        inner.ring.push(packet);
    }

    /// What a decoder needs for the frame of this time.
    pub fn leading_to(&self, time: ClockTime) -> Option<Vec<Packet>> {
        lock(&self.inner).ring.leading_to(time)
    }

    /// Begins a clip for an alert at this time, or if there is no key frame yet, at the next one. `None`: the clip that goes
    /// on contains it, and was extended.
    pub fn begin(&self, event: ClockTime, span: ClipSpan) -> Option<NewClip> {
        let after = clock_time(span.after);
        let until = event.saturating_add(after);
        let mut inner = lock(&self.inner);
        if let Some(open) = &mut inner.open {
            open.until = open.until.max(until);
            return None;
        }
        let from = event.saturating_sub(clock_time(span.before));
        let first = inner.ring.since(from);
        let newest = first.last().map(|packet| packet.time);
        let (packets, rest) = sync_channel(MAX_QUEUED_PACKETS);
        // If the answer came late, all frames are in memory already.
        inner.open = newest
            .is_none_or(|newest| newest < until)
            .then_some(OpenClip {
                until,
                after: newest.is_none().then_some(after),
                packets,
            });
        let first = first.into_iter();
        let first = first.take_while(|packet| packet.time <= until).collect();
        Some(NewClip { first, rest })
    }

    /// Ends the clip that goes on.
    pub fn finish(&self) {
        lock(&self.inner).open = None;
    }
}

/// Whether one file can have both. A parser changes the other fields while it learns more about the video.
fn is_same_format(one: &gst::Caps, other: &gst::Caps) -> bool {
    const FIELDS: [&str; 5] = ["width", "height", "profile", "stream-format", "codec_data"];
    let (Some(one), Some(other)) = (one.structure(0), other.structure(0)) else {
        return false;
    };
    let same = |field: &&str| match (one.value(*field), other.value(*field)) {
        (Ok(one), Ok(other)) => one.compare(other) == Some(std::cmp::Ordering::Equal),
        (Err(_), Err(_)) => true,
        _ => false,
    };
    one.name() == other.name() && FIELDS.iter().all(same)
}

fn clock_time(time: Duration) -> ClockTime {
    ClockTime::try_from(time).unwrap_or(ClockTime::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::codec::random_access::RandomAccess;

    const SPAN: ClipSpan = ClipSpan {
        before: Duration::from_secs(2),
        after: Duration::from_secs(3),
    };

    /// Ten frames a second, with a key frame each second.
    fn push(packets: &Packets, caps: &str, seconds: std::ops::Range<u64>) {
        gst::init().expect("GStreamer");
        let caps = caps.parse::<gst::Caps>().expect("caps");
        for number in seconds.start * 10..seconds.end * 10 {
            let packet = Packet {
                buffer: gst::Buffer::with_size(10).expect("memory"),
                caps: caps.clone(),
                time: ClockTime::from_mseconds(number * 100),
                access: match number % 10 {
                    0 => RandomAccess::Full,
                    _ => RandomAccess::None,
                },
            };
            packets.push(packet);
        }
    }

    fn seconds(clip: NewClip) -> (f64, f64) {
        let all: Vec<_> = clip.first.into_iter().chain(clip.rest).collect();
        let time = |packet: Option<&Packet>| packet.expect("a frame").time.nseconds() as f64 / 1e9;
        (time(all.first()), time(all.last()))
    }

    #[test]
    fn a_clip_is_around_its_alert() {
        let packets = Packets::new(Some(SPAN));
        let at = ClockTime::from_seconds;
        push(&packets, "video/x-vp8", 0..10);
        let clip = packets.begin(at(8), SPAN).expect("a clip");
        // Another alert, before the end of the first one's clip.
        assert!(packets.begin(at(9), SPAN).is_none());
        push(&packets, "video/x-vp8", 10..20);
        assert_eq!(seconds(clip), (6.0, 12.0));
        // Its end has passed already.
        let clip = packets.begin(at(15), SPAN).expect("a clip");
        assert_eq!(seconds(clip), (13.0, 18.0));
        let clip = packets.begin(at(20), SPAN).expect("a clip");
        packets.finish();
        assert_eq!(seconds(clip), (18.0, 19.9));
    }

    #[test]
    fn a_change_of_the_format_loses_nothing() {
        let packets = Packets::new(Some(SPAN));
        push(&packets, "video/x-vp8", 0..10);
        let clip = packets
            .begin(ClockTime::from_seconds(9), SPAN)
            .expect("a clip");
        push(&packets, "video/x-h264", 10..11);
        // The alert is after the change, and the clip begins before it.
        let later = Packets::new(Some(SPAN));
        push(&later, "video/x-vp8", 0..10);
        push(&later, "video/x-h264", 10..20);
        let other = later
            .begin(ClockTime::from_seconds(11), SPAN)
            .expect("a clip");
        for (clip, expected) in [(clip, (7.0, 10.9)), (other, (9.0, 14.0))] {
            packets.finish();
            let first = clip.first[0].caps.to_string();
            assert!(first.starts_with("video/x-vp8"), "{first}");
            assert_eq!(seconds(clip), expected);
        }
    }

    #[test]
    fn what_a_parser_learns_is_no_change_of_the_format() {
        let packets = Packets::new(Some(SPAN));
        push(&packets, "video/x-h264,width=320", 0..3);
        push(&packets, "video/x-h264,width=320,framerate=25/1", 3..6);
        push(&packets, "video/x-h264,width=640,framerate=25/1", 6..9);
        let clip = packets
            .begin(ClockTime::from_seconds(5), SPAN)
            .expect("a clip");
        let mut caps: Vec<_> = clip
            .first
            .iter()
            .map(|packet| packet.caps.to_string())
            .collect();
        caps.dedup();
        assert_eq!(caps.len(), 2, "{caps:?}");
    }

    #[test]
    fn without_a_key_frame_a_clip_begins_at_the_next_one() {
        let packets = Packets::new(Some(SPAN));
        let clip = packets
            .begin(ClockTime::from_seconds(1), SPAN)
            .expect("a clip");
        assert!(clip.first.is_empty());
        push(&packets, "video/x-vp8", 20..30);
        assert_eq!(seconds(clip), (20.0, 23.0));
    }
}
