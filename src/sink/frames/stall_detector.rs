//! Whether the source brings frames: one that stops leaves a picture that stands still.

use std::time::{Duration, Instant};

/// A source that brings nothing for so long, and for so many of its frames, has stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
const STALL_FRAMES: u32 = 3;

/// When frames came, and when they should have.
#[derive(Debug)]
pub struct StallDetector {
    newest: Option<Instant>,
    /// From then on without a frame the source has stalled.
    bound: Duration,
    /// The last time that it had: from when on, and until when.
    stalled: Option<(Instant, Instant)>,
}

impl Default for StallDetector {
    fn default() -> Self {
        Self {
            newest: None,
            bound: STALL_TIMEOUT,
            stalled: None,
        }
    }
}

impl StallDetector {
    /// How many frames a second the source brings; 0/1 where it does not say.
    pub fn set_expected_rate(&mut self, rate: gst::Fraction) {
        let frames = match rate.numer() > 0 && rate.denom() > 0 {
            // Both are positive.
            true => {
                let frame = Duration::from_secs(rate.denom() as u64) / rate.numer() as u32;
                frame * STALL_FRAMES
            }
            false => Duration::ZERO,
        };
        self.bound = STALL_TIMEOUT.max(frames);
    }

    /// A frame has come.
    pub fn frame_arrived(&mut self, now: Instant) {
        if let Some(before) = self.newest.replace(now)
            && now - before > self.bound
        {
            self.stalled = Some((before + self.bound, now));
        }
    }

    /// Whether there was any frame.
    pub fn any(&self) -> bool {
        self.newest.is_some()
    }

    /// How long nothing has come, where the source has stalled.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.newest?);
        (silence >= self.bound).then_some(silence)
    }

    /// Whether the picture had been standing still at that time, for want of another.
    pub fn was_stalled(&self, then: Instant) -> bool {
        let now = self.newest.is_some_and(|newest| newest + self.bound < then);
        let before = |(from, until)| from < then && then < until;
        now || self.stalled.is_some_and(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_stops_has_stalled_until_it_goes_on() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut stall_detector = StallDetector::default();
        assert!(!stall_detector.any() && stall_detector.silence(at(60)).is_none());
        for second in 0..=4 {
            stall_detector.frame_arrived(at(second));
        }
        assert_eq!(stall_detector.silence(at(8)), None);
        assert_eq!(stall_detector.silence(at(9)), Some(Duration::from_secs(5)));
        assert!(!stall_detector.was_stalled(at(9)) && stall_detector.was_stalled(at(10)));
        stall_detector.frame_arrived(at(12));
        assert_eq!(stall_detector.silence(at(12)), None);
        // What was seen then was old all the same.
        assert!(stall_detector.was_stalled(at(10)) && !stall_detector.was_stalled(at(13)));
    }

    #[test]
    fn a_slow_source_has_more_time() {
        let start = Instant::now();
        let mut stall_detector = StallDetector::default();
        stall_detector.frame_arrived(start);
        for (rate, bound) in [
            ((30, 1), 5),
            ((0, 1), 5),
            ((1, 10), 30),
            ((1, i32::MAX), 6_442_450_941),
        ] {
            stall_detector.set_expected_rate(gst::Fraction::new(rate.0, rate.1));
            assert_eq!(stall_detector.bound, Duration::from_secs(bound), "{rate:?}");
        }
    }
}
