// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a probe has seen of a camera's video so far.

/// A camera with rare key frames is watched for this long.
const LONG_ENOUGH: gst::ClockTime = gst::ClockTime::from_seconds(10);
/// With two key frames, this is enough to measure the rate.
const ENOUGH: gst::ClockTime = gst::ClockTime::from_seconds(2);

#[derive(Debug, Default)]
pub struct Seen {
    pub frames: u64,
    /// The frames came in another order than they are shown.
    pub reordered: bool,
    key_frames: u64,
    first_pts: Option<gst::ClockTime>,
    last_pts: Option<gst::ClockTime>,
    first_key_pts: Option<gst::ClockTime>,
    last_key_pts: Option<gst::ClockTime>,
}

impl Seen {
    /// `arrival` counts for frames without a time of their own.
    pub fn add(&mut self, buffer: &gst::BufferRef, arrival: gst::ClockTime) {
        self.frames += 1;
        let pts = buffer.pts().unwrap_or(arrival);
        let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        self.reordered |= !is_key && self.last_pts.is_some_and(|last| pts < last);
        self.first_pts = Some(self.first_pts.map_or(pts, |first| first.min(pts)));
        self.last_pts = Some(self.last_pts.map_or(pts, |last| last.max(pts)));
        if is_key {
            self.key_frames += 1;
            self.first_key_pts.get_or_insert(pts);
            self.last_key_pts = Some(pts);
        }
    }

    /// The time from the first frame to the last one.
    fn span(&self) -> gst::ClockTime {
        let both = self.last_pts.zip(self.first_pts);
        both.map_or(gst::ClockTime::ZERO, |(last, first)| last - first)
    }

    pub fn is_enough(&self) -> bool {
        self.span() >= LONG_ENOUGH || (self.span() >= ENOUGH && self.key_frames >= 2)
    }

    /// Measured frames per second.
    pub fn fps(&self) -> Option<f64> {
        let seconds = self.span().seconds_f64();
        (seconds > 0.0).then(|| (self.frames - 1) as f64 / seconds)
    }

    /// The time from one key frame to the next, in seconds. `None`: there were less than two.
    pub fn key_frame_seconds(&self) -> Option<f64> {
        let (first, last) = self.first_key_pts.zip(self.last_key_pts)?;
        let intervals = self.key_frames.checked_sub(1).filter(|count| *count > 0)?;
        let time = last.checked_sub(first)?;
        Some(time.seconds_f64() / intervals as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(frames: &[(u64, bool)]) -> Seen {
        gst::init().expect("GStreamer");
        let mut seen = Seen::default();
        for (ms, is_key) in frames {
            let mut buffer = gst::Buffer::new();
            let frame = buffer.get_mut().expect("the only reference");
            frame.set_pts(gst::ClockTime::from_mseconds(*ms));
            if !is_key {
                frame.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            seen.add(&buffer, gst::ClockTime::ZERO);
        }
        seen
    }

    #[test]
    fn rate_and_key_frames_are_measured() {
        let frames: Vec<_> = (0..=60).map(|n| (n * 40, n % 25 == 0)).collect();
        let seen = seen(&frames);
        assert!(seen.is_enough() && !seen.reordered);
        assert_eq!(
            (seen.fps(), seen.key_frame_seconds()),
            (Some(25.0), Some(1.0))
        );
    }

    #[test]
    fn b_frames_and_missing_key_frames_are_seen() {
        let seen = seen(&[(0, true), (120, false), (40, false), (80, false)]);
        assert!(seen.reordered && !seen.is_enough());
        assert_eq!((seen.fps(), seen.key_frame_seconds()), (Some(25.0), None));
        assert_eq!(Seen::default().fps(), None);
    }

    #[test]
    fn frames_without_a_time_count_by_their_arrival() {
        gst::init().expect("GStreamer");
        let mut seen = Seen::default();
        for ms in [0, 100, 200] {
            seen.add(&gst::Buffer::new(), gst::ClockTime::from_mseconds(ms));
        }
        assert_eq!(seen.fps(), Some(10.0));
    }
}
