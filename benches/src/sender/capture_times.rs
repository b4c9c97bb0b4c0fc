// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The capture time of each frame of the first stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

/// The frame rate of the test videos.
const FRAMES_PER_SECOND: f64 = 30.0;

/// The times at the element `cap0`, by frame number.
pub struct CaptureTimes(Arc<Mutex<BTreeMap<u16, u64>>>);

impl CaptureTimes {
    /// The capture time is the arrival at `cap0`, but not before the frame is due: most frames of a file are read
    /// ahead of time, and the sinks pace them.
    pub fn attach(pipeline: &gst::Pipeline) -> Self {
        let times = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let pad = pipeline.by_name("cap0").and_then(|e| e.static_pad("sink"));
        if let Some(pad) = pad {
            let (times, pipeline) = (times.clone(), pipeline.downgrade());
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                if let Some(buffer) = info.buffer()
                    && let Some(pts) = buffer.pts()
                    && let Some(pipeline) = pipeline.upgrade()
                {
                    let number = (pts.nseconds() as f64 * FRAMES_PER_SECOND / 1e9).round() as u16;
                    let now = gst::get_timestamp();
                    let due = due_time(&pipeline, pad, pts).unwrap_or(now);
                    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                    times.insert(number, now.max(due).nseconds());
                }
                gst::PadProbeReturn::Ok
            });
        }
        Self(times)
    }

    /// In ns of CLOCK_MONOTONIC.
    pub fn take(&self) -> BTreeMap<u16, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When a frame is due on the clock of the pipeline, which is CLOCK_MONOTONIC unless a source provides a clock. `None`
/// before the pipeline plays.
fn due_time(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    pts: gst::ClockTime,
) -> Option<gst::ClockTime> {
    let base = pipeline.base_time().filter(|base| !base.is_zero())?;
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    Some(base + segment.to_running_time(pts)?)
}
