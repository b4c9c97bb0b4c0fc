// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Rooms of a real LiveKit server. LiveKit's own SDK subscribes to them and decodes the video.

mod publish;
mod reconnect;
mod service_room;

use std::time::Duration;

use crate::common::livekit::DecodedFrame;
use crate::common::{Clock, Service};

const FRAMES_PER_SECOND: usize = 15;

/// Longest wait for an event that normally follows within a few seconds.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// A launch line: live video with a clock, at [`FRAMES_PER_SECOND`].
fn line(properties: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate={FRAMES_PER_SECOND}/1 \
         ! debugqroverlay name=clock pixel-size=4 \
         ! overshootsink name=o max-framerate={FRAMES_PER_SECOND}/1 {properties}"
    )
}

/// A service that does not join rooms. In these tests, LiveKit's own SDK receives the video instead.
fn service_outside_rooms() -> Service {
    Service::with(|config| config.visits = false)
}

/// Asserts that the frames have the right size, are in order, and arrived within two seconds. Returns how many clocks
/// could be read.
fn check_frames(frames: &[&DecodedFrame], clock: &Clock) -> usize {
    let read: Vec<_> = frames
        .iter()
        .filter_map(|frame| Some((frame, clock.frame_of_last_code(frame.code.as_ref()?))))
        .collect();
    for pair in read.windows(2) {
        assert!(pair[0].1.running_time <= pair[1].1.running_time, "{pair:?}");
    }
    for (frame, times) in &read {
        assert_eq!(frame.size, (640, 360));
        let delay = frame.at.saturating_duration_since(times.passed_at);
        assert!(delay < Duration::from_secs(2), "{delay:?}");
    }
    read.len()
}
