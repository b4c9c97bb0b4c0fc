// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Detects a source that has stopped: the remote peer then sees a frozen picture.

use std::time::{Duration, Instant};

/// A source has stalled after this time without a frame, and not before [`STALL_FRAMES`] are missing.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
const STALL_FRAMES: u32 = 3;

/// Compares when frames arrive with when they are due.
#[derive(Debug)]
pub struct StallDetector {
    newest: Option<Instant>,
    /// After this time without a frame the source has stalled.
    timeout: Duration,
    /// Begin and end of the last stall.
    stalled: Option<(Instant, Instant)>,
}

impl Default for StallDetector {
    fn default() -> Self {
        Self {
            newest: None,
            timeout: STALL_TIMEOUT,
            stalled: None,
        }
    }
}

impl StallDetector {
    /// Sets the frame rate of the source; 0/1 if it is unknown.
    pub fn set_expected_rate(&mut self, rate: gst::Fraction) {
        let frames = match rate.numer() > 0 && rate.denom() > 0 {
            // Both are positive, so the casts keep their values.
            true => {
                let frame = Duration::from_secs(rate.denom() as u64) / rate.numer() as u32;
                frame * STALL_FRAMES
            }
            false => Duration::ZERO,
        };
        self.timeout = STALL_TIMEOUT.max(frames);
    }

    /// Records a frame.
    pub fn frame_arrived(&mut self, now: Instant) {
        if let Some(before) = self.newest.replace(now)
            && now - before > self.timeout
        {
            self.stalled = Some((before + self.timeout, now));
        }
    }

    /// When the newest frame arrived.
    pub fn newest(&self) -> Option<Instant> {
        self.newest
    }

    /// The time since the last frame, if the source has stalled. Time up to `paused` does not count.
    pub fn silence(&self, now: Instant, paused: Option<Instant>) -> Option<Duration> {
        let since = Some(self.newest?).max(paused)?;
        let silence = now.saturating_duration_since(since);
        (silence >= self.timeout).then_some(silence)
    }

    /// Whether the source was stalled at that time.
    pub fn was_stalled(&self, then: Instant) -> bool {
        let now = self
            .newest
            .is_some_and(|newest| newest + self.timeout < then);
        let before = |(from, until)| from < then && then < until;
        now || self.stalled.is_some_and(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_stops_is_stalled_until_it_continues() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut stall_detector = StallDetector::default();
        assert!(
            stall_detector.newest().is_none() && stall_detector.silence(at(60), None).is_none()
        );
        for second in 0..=4 {
            stall_detector.frame_arrived(at(second));
        }
        assert_eq!(stall_detector.silence(at(8), None), None);
        assert_eq!(
            stall_detector.silence(at(9), None),
            Some(Duration::from_secs(5))
        );
        assert!(!stall_detector.was_stalled(at(9)) && stall_detector.was_stalled(at(10)));
        // The pipeline was paused until then.
        assert_eq!(stall_detector.silence(at(11), Some(at(7))), None);
        let since_pause = stall_detector.silence(at(12), Some(at(7)));
        assert_eq!(since_pause, Some(Duration::from_secs(5)));
        stall_detector.frame_arrived(at(12));
        assert_eq!(stall_detector.silence(at(12), None), None);
        // The stall of that time is still known.
        assert!(stall_detector.was_stalled(at(10)) && !stall_detector.was_stalled(at(13)));
    }

    #[test]
    fn a_slow_source_has_more_time() {
        let start = Instant::now();
        let mut stall_detector = StallDetector::default();
        stall_detector.frame_arrived(start);
        for (rate, timeout) in [
            ((30, 1), 5),
            ((0, 1), 5),
            ((1, 10), 30),
            ((1, i32::MAX), 6_442_450_941),
        ] {
            stall_detector.set_expected_rate(gst::Fraction::new(rate.0, rate.1));
            assert_eq!(
                stall_detector.timeout,
                Duration::from_secs(timeout),
                "{rate:?}"
            );
        }
    }
}
