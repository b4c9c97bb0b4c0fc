// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Spreads frames that are passed through and wait in the queue: a new connection begins with the current group of
//! pictures. All of it at once would overflow the remote peer's socket buffer: on Linux it holds about 90 packets
//! (seen with the emulator).

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::lock::lock;

/// At most this fast, but at least at twice the pace of the source.
const BYTES_PER_SECOND: f64 = 2.5e6;
/// Upper bound for one pause: the thread must end soon when the connection is closed.
const MAX_PAUSE: Duration = Duration::from_millis(100);

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
        let spacing = Duration::from_secs_f64(size as f64 / BYTES_PER_SECOND)
            .min(distance.map_or(Duration::ZERO, Duration::from) / 2)
            .min(MAX_PAUSE);
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
        assert_eq!(pauses(250_000, 0), [0; 5].map(ms));
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
