// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When the last frame is sent once more. Some receivers release a frame only when the next one begins (aiortc, as
//! tested), so without it they see a slow source one frame late.

use std::time::{Duration, Instant};

/// The frame is repeated after this time if the source has not delivered another one.
const SLOW_SOURCE_DELAY: Duration = Duration::from_millis(500);
/// The frame is repeated after this time if the rate limit has dropped all frames since.
const RATE_LIMIT_DELAY: Duration = Duration::from_millis(1_100);

/// The last raw frame that was sent.
pub struct LastFrame {
    pub buffer: gst::Buffer,
    sent: Instant,
}

impl LastFrame {
    pub fn new(buffer: gst::Buffer, sent: Instant) -> Self {
        Self { buffer, sent }
    }

    /// When it is sent once more. `newest_arrival`: when the newest frame of the source arrived.
    pub fn repeat_at(&self, newest_arrival: Option<Instant>) -> Instant {
        let dropped_since = newest_arrival > Some(self.sent);
        self.sent
            + match dropped_since {
                true => RATE_LIMIT_DELAY,
                false => SLOW_SOURCE_DELAY,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_source_is_repeated_sooner_than_a_limited_one() {
        gst::init().expect("GStreamer");
        let sent = Instant::now();
        let last = LastFrame::new(gst::Buffer::new(), sent);
        let ms = |ms| Duration::from_millis(ms);
        assert_eq!(last.repeat_at(Some(sent - ms(1))) - sent, ms(500));
        assert_eq!(last.repeat_at(Some(sent + ms(33))) - sent, ms(1_100));
    }
}
