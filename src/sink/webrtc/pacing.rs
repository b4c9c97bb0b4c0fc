// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Spreads what would otherwise reach the remote peer all at once and overflow its socket buffer, which by default holds
//! about 90 packets on Linux (seen with the emulator).
//!
//! That is the backlog of frames that are passed through: a new connection begins with the current group of pictures. And
//! it is the packets of a large frame, such as a key frame in 4K.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::lock::lock;

/// At most this fast, but at least at twice the pace of the source.
const BYTES_PER_SECOND: f64 = 2.5e6;
/// Upper bound for one pause: the thread must end soon when the connection is closed.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// No source sends frames that are closer together.
const MIN_DISTANCE: Duration = Duration::from_millis(2);

/// Makes the chain's own thread wait between frames of `appsrc`. Frames that come at the source's pace never wait.
pub fn spread_backlog(appsrc: &gst_app::AppSrc) {
    let Some(pad) = appsrc.static_pad("src") else {
        return;
    };
    let pacer = Mutex::new(Pacer::default());
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(frame)) = &info.data {
            let pause = lock(&pacer).pause(Instant::now(), frame.size(), frame.pts());
            thread::sleep(pause);
        }
        gst::PadProbeReturn::Ok
    });
}

/// So many packets of a frame are sent at once: half of what the remote peer's socket holds.
const FIRST_BURST: usize = 48;
/// The rest follows in bursts of so many packets.
const BURST: usize = 16;
/// The pause before such a burst: 96 Mbit/s, which also suits Fast Ethernet.
const BURST_PAUSE: Duration = Duration::from_micros(1600);

/// Pushes the packets of a frame, and pauses between bursts. It takes no longer than `time`, the time until the next frame.
pub fn push_spread(
    pad: &gst::Pad,
    mut packets: gst::BufferList,
    time: Duration,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let bursts = packets.len().saturating_sub(FIRST_BURST).div_ceil(BURST);
    let pause = BURST_PAUSE.min(time / u32::try_from(bursts + 1).unwrap_or(u32::MAX));
    for n in 0..bursts {
        let length = if n == 0 { FIRST_BURST } else { BURST };
        let burst = packets.make_mut().drain(..length).collect();
        pad.chain_list(burst)?;
        thread::sleep(pause);
    }
    pad.chain_list(packets)
}

#[derive(Default)]
struct Pacer {
    last_pts: Option<gst::ClockTime>,
    /// When the next frame may go.
    next: Option<Instant>,
}

impl Pacer {
    /// How long this frame must wait.
    fn pause(&mut self, now: Instant, size: usize, pts: Option<gst::ClockTime>) -> Duration {
        let pause = self
            .next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now));
        let distance = pts
            .zip(self.last_pts)
            .and_then(|(pts, last)| pts.checked_sub(last));
        self.last_pts = pts;
        let longest = match distance.map(Duration::from) {
            // Frames that are only there for those after them have no pace.
            Some(distance) if !distance.is_zero() && distance < MIN_DISTANCE => MAX_PAUSE,
            Some(distance) => MAX_PAUSE.min(distance / 2),
            None => Duration::ZERO,
        };
        let spacing = Duration::from_secs_f64(size as f64 / BYTES_PER_SECOND).min(longest);
        self.next = Some(now + pause + spacing);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses before frames of `size` bytes that are all there at once.
    fn pauses(size: usize, distance_ms: u64) -> Vec<Duration> {
        let (mut pacer, mut now) = (Pacer::default(), Instant::now());
        (0..5)
            .map(|n| {
                let pts = gst::ClockTime::from_mseconds(n * distance_ms);
                let pause = pacer.pause(now, size, Some(pts));
                now += pause;
                pause
            })
            .collect()
    }

    #[test]
    fn a_backlog_is_spread_but_catches_up() {
        let ms = Duration::from_millis;
        // The first frame has no distance yet.
        assert_eq!(pauses(25_000, 40), [0, 0, 10, 10, 10].map(ms));
        assert_eq!(pauses(250_000, 40), [0, 0, 20, 20, 20].map(ms));
        assert_eq!(pauses(2_500_000, 60_000), [0, 0, 100, 100, 100].map(ms));
        assert_eq!(pauses(25_000, 1), [0, 0, 10, 10, 10].map(ms));
        assert_eq!(pauses(250_000, 0), [0; 5].map(ms));
    }

    /// How many packets each burst of a frame has, and how long the frame takes.
    fn bursts(packets: usize, time_ms: u64) -> (Vec<usize>, Duration) {
        gst::init().expect("GStreamer");
        let (sent, received) = std::sync::mpsc::channel();
        let sink = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_list_function(move |_, _, list| {
                sent.send(list.len()).expect("received below");
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        sink.set_active(true).expect("active");
        let start = gst::event::StreamStart::new("test");
        let segment = gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new());
        assert!(sink.send_event(start) && sink.send_event(segment));
        let list = (0..packets).map(|_| gst::Buffer::new()).collect();
        let begin = Instant::now();
        push_spread(&sink, list, Duration::from_millis(time_ms)).expect("taken");
        let time = begin.elapsed();
        (received.try_iter().collect(), time)
    }

    #[test]
    fn a_large_frame_is_spread_within_its_time() {
        assert_eq!(bursts(1, 33).0, [1]);
        assert_eq!(bursts(48, 33).0, [48]);
        let (sizes, time) = bursts(90, 33);
        assert_eq!(sizes, [48, 16, 16, 10]);
        assert!(time >= BURST_PAUSE * 3, "{time:?}");
        let (sizes, time) = bursts(680, 20);
        assert_eq!(sizes.len(), 41);
        assert_eq!(sizes.iter().sum::<usize>(), 680);
        // It would be 64 ms otherwise. Each pause ends a little late.
        assert!((18..40).contains(&time.as_millis()), "{time:?}");
    }

    #[test]
    fn frames_at_the_sources_pace_never_wait() {
        let (mut pacer, begin) = (Pacer::default(), Instant::now());
        for n in 0..100 {
            let at = Duration::from_millis(n * 40);
            let pts = gst::ClockTime::from_mseconds(n * 40);
            let pause = pacer.pause(begin + at, 1 << 20, Some(pts));
            assert_eq!(pause, Duration::ZERO, "frame {n}");
        }
    }
}
