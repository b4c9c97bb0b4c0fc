// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One clock for a stream whose frames come from one sender after another.

use std::time::Instant;

/// RTP's clock for video, in Hz.
const RTP_CLOCK_HZ: f64 = 90_000.0;

/// Converts a sender's timestamps to the stream's. Each sender, and each simulcast layer, starts at a random
/// value.
#[derive(Debug, Default)]
pub(crate) struct RtpTimeline {
    /// Added to the sender's timestamps; 0 for the first sender.
    offset: i128,
    /// The newest timestamp of the stream, and when that frame arrived.
    last: Option<(u64, Instant)>,
}

impl RtpTimeline {
    /// The stream's timestamp of a frame. `new_sender`: it is the first frame of another sender, and
    /// continues the timeline.
    pub(crate) fn time(&mut self, rtp_time: u64, arrived: Instant, new_sender: bool) -> u64 {
        if let (true, Some((last, at))) = (new_sender, self.last) {
            let passed = arrived.saturating_duration_since(at).as_secs_f64() * RTP_CLOCK_HZ;
            // Two frames never have the same time.
            let next = i128::from(last) + (passed as i128).max(1);
            self.offset = next - i128::from(rtp_time);
        }
        let time = u64::try_from(i128::from(rtp_time) + self.offset).unwrap_or_default();
        self.last = Some((time, arrived));
        time
    }

    /// When the newest frame arrived.
    pub(crate) fn newest_arrival(&self) -> Option<Instant> {
        self.last.map(|(_, arrived)| arrived)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn another_sender_continues_the_timeline() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timeline = RtpTimeline::default();
        assert_eq!(timeline.time(500_000, at(0), true), 500_000);
        assert_eq!(timeline.time(503_000, at(33), false), 503_000);
        assert_eq!(timeline.time(100, at(133), true), 512_000);
        assert_eq!(timeline.time(3_100, at(166), false), 515_000);
        assert_eq!(timeline.time(u64::MAX, at(166), true), 515_001);
    }
}
