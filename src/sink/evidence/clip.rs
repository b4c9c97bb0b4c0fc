// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the last seconds of encoded video, and passes on the frames that belong to a clip.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use gst::ClockTime;

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
    caps: Option<gst::Caps>,
    open: Option<OpenClip>,
}

struct OpenClip {
    until: ClockTime,
    /// Dropping it ends the clip.
    packets: SyncSender<Packet>,
}

/// A clip to write: its first frames, and a channel with those to come.
pub struct NewClip {
    pub caps: gst::Caps,
    pub first: Vec<Packet>,
    pub rest: Receiver<Packet>,
}

impl Packets {
    /// `span`: of the clips, if there are any.
    pub fn new(span: Option<ClipSpan>) -> Self {
        let before = span.map_or(Duration::ZERO, |span| span.before);
        let length = ClockTime::try_from(before + MAX_ANSWER_TIME).unwrap_or(ClockTime::MAX);
        Self {
            inner: Mutex::new(Inner {
                ring: PacketRing::new(length, MAX_BYTES),
                caps: None,
                open: None,
            }),
        }
    }

    /// Takes the next frame, on a streaming thread. It does not wait for the disk.
    pub fn push(&self, packet: Packet, caps: &gst::Caps) {
        let mut inner = lock(&self.inner);
        if inner.caps.as_ref() != Some(caps) {
            // A file has one format. After a change, a new one begins with a new key frame.
            inner.caps = Some(caps.clone());
            inner.ring.clear();
            inner.open = None;
        }
        if let Some(open) = &inner.open {
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
    pub fn leading_to(&self, time: ClockTime) -> Option<(Vec<Packet>, gst::Caps)> {
        let inner = lock(&self.inner);
        Some((inner.ring.leading_to(time)?, inner.caps.clone()?))
    }

    /// Begins a clip for an alert at this time. `None`: the clip that goes on contains it, and was extended.
    ///
    /// # Errors
    /// There is no video to begin with.
    pub fn begin(&self, event: ClockTime, span: ClipSpan) -> Result<Option<NewClip>, String> {
        let clock_time = |time: Duration| ClockTime::try_from(time).unwrap_or(ClockTime::MAX);
        let until = event.saturating_add(clock_time(span.after));
        let mut inner = lock(&self.inner);
        if let Some(open) = &mut inner.open {
            open.until = open.until.max(until);
            return Ok(None);
        }
        let from = event.saturating_sub(clock_time(span.before));
        let first = inner.ring.since(from);
        let (Some(caps), Some(newest)) = (inner.caps.clone(), first.last()) else {
            return Err(
                "no key frame is in memory: set the source to send key frames more often"
                    .to_owned(),
            );
        };
        let (packets, rest) = sync_channel(MAX_QUEUED_PACKETS);
        // If the answer came late, all frames are in memory already.
        inner.open = (newest.time < until).then_some(OpenClip { until, packets });
        let first = first.into_iter();
        let first = first.take_while(|packet| packet.time <= until).collect();
        Ok(Some(NewClip { caps, first, rest }))
    }

    /// Ends the clip that goes on.
    pub fn finish(&self) {
        lock(&self.inner).open = None;
    }
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
                time: ClockTime::from_mseconds(number * 100),
                access: match number % 10 {
                    0 => RandomAccess::Full,
                    _ => RandomAccess::None,
                },
            };
            packets.push(packet, &caps);
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
        assert!(packets.begin(at(1), SPAN).is_err());
        push(&packets, "video/x-vp8", 0..10);
        let clip = packets.begin(at(8), SPAN).expect("video").expect("a clip");
        // Another alert, before the end of the first one's clip.
        assert!(packets.begin(at(9), SPAN).expect("video").is_none());
        push(&packets, "video/x-vp8", 10..20);
        assert_eq!(seconds(clip), (6.0, 12.0));
        // Its end has passed already.
        let clip = packets.begin(at(15), SPAN).expect("video").expect("a clip");
        assert_eq!(seconds(clip), (13.0, 18.0));
        // The format changes.
        let clip = packets.begin(at(19), SPAN).expect("video").expect("a clip");
        push(&packets, "video/x-h264", 20..21);
        assert_eq!(seconds(clip), (17.0, 19.9));
        let clip = packets.begin(at(20), SPAN).expect("video").expect("a clip");
        packets.finish();
        assert_eq!(seconds(clip), (20.0, 20.9));
    }
}
