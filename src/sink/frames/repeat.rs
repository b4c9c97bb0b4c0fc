// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When the last frame is sent once more. Some receivers release a frame only when the next one begins (aiortc, as
//! tested), so without it they see a slow source one frame late.

use std::time::{Duration, Instant};

use super::feeder::Feeder;
use crate::lock::lock;

/// The frame is repeated after this time if the source has not delivered another one.
const SLOW_SOURCE_DELAY: Duration = Duration::from_millis(500);
/// The frame is repeated after this time if the rate limit has dropped all frames since.
const RATE_LIMIT_DELAY: Duration = Duration::from_millis(1_100);

/// The last frame that was sent to be encoded.
pub struct LastFrame {
    pub sample: gst::Sample,
    sent: Instant,
    is_repeated: bool,
}

impl LastFrame {
    pub fn new(sample: gst::Sample, sent: Instant) -> Self {
        Self {
            sample,
            sent,
            is_repeated: false,
        }
    }

    /// When it is sent once more; `None` after that. `newest_arrival`: when the newest frame of the source arrived.
    pub fn repeat_at(&self, newest_arrival: Option<Instant>) -> Option<Instant> {
        let dropped_since = newest_arrival > Some(self.sent);
        let delay = match dropped_since {
            true => RATE_LIMIT_DELAY,
            false => SLOW_SOURCE_DELAY,
        };
        (!self.is_repeated).then_some(self.sent + delay)
    }

    /// The frame, to send it once more; `None` the second time.
    pub fn repeat(&mut self) -> Option<gst::Buffer> {
        let is_first = !std::mem::replace(&mut self.is_repeated, true);
        self.sample.buffer_owned().filter(|_| is_first)
    }
}

impl Feeder {
    /// Waits until the last frame must be sent once more ([`Feeder::repeat_last_frame`]).
    pub async fn wait_for_repeat(&self) {
        loop {
            let repeat_at = lock(&self.state).repeat_at();
            match repeat_at {
                None => self.frame_sent.notified().await,
                Some(at) if at <= Instant::now() => return,
                Some(at) => tokio::time::sleep_until(at.into()).await,
            }
        }
    }

    /// Sends the last raw frame once more, with a timestamp that is only a little later. It does not wait for the encoder.
    pub fn repeat_last_frame(&self) {
        let (appsrc, buffer) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let last = state.last_frame.as_mut().and_then(LastFrame::repeat);
            let (Some(target), Some(mut buffer)) = (&mut state.target, last) else {
                return;
            };
            buffer.make_mut().set_pts(target.stamp_again());
            (target.chain.appsrc.clone(), buffer)
        };
        if appsrc.current_level_buffers() == 0 {
            self.push(&appsrc, Some(buffer), true);
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
        let sample = gst::Sample::builder().buffer(&gst::Buffer::new()).build();
        let mut last = LastFrame::new(sample, sent);
        let ms = |ms| Duration::from_millis(ms);
        assert_eq!(last.repeat_at(Some(sent - ms(1))), Some(sent + ms(500)));
        assert_eq!(last.repeat_at(Some(sent + ms(33))), Some(sent + ms(1_100)));
        assert!(last.repeat().is_some());
        assert!(last.repeat().is_none() && last.repeat_at(None).is_none());
    }
}
