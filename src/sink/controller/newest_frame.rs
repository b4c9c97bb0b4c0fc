// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The newest frame that was sent, for questions that count back from it.

use std::sync::Arc;
use std::time::Duration;

use crate::session::{NewestFrame, SentFrame};
use crate::sink::answers::stats::Stats;
use crate::sink::frames::feeder::Feeder;

/// Finds the newest frame of a run. `captured` is set to the time when the frame reached the element: the service's
/// latencies count from the same moment.
pub fn newest_frame(stats: &Arc<Stats>, video: &Arc<Feeder>) -> NewestFrame {
    let (stats, video) = (stats.clone(), video.clone());
    Arc::new(move |time| {
        let frame = stats.frame_sent_by(time)?;
        let captured = frame.captured + Duration::from(video.age());
        let scene = video.scene_at(frame.sent);
        Some(SentFrame {
            captured,
            scene,
            ..frame
        })
    })
}
