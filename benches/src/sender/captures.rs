//! When each frame of the first stream was there to be sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

/// Of the test videos.
const FRAME_RATE: f64 = 30.0;

/// Frames by their number in the file, at the element `cap0`.
pub struct Captures(Arc<Mutex<BTreeMap<u16, u64>>>);

impl Captures {
    /// A frame is captured when it arrives at `cap0`, but not before it is due: the sinks pace what
    /// comes from a file, and most frames are read ahead of time.
    pub fn of(pipeline: &gst::Pipeline) -> Self {
        let times = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let pad = pipeline.by_name("cap0").and_then(|e| e.static_pad("sink"));
        if let Some(pad) = pad {
            let (times, pipeline) = (times.clone(), pipeline.downgrade());
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                if let Some(buffer) = info.buffer()
                    && let Some(pts) = buffer.pts()
                    && let Some(pipeline) = pipeline.upgrade()
                {
                    let number = (pts.nseconds() as f64 * FRAME_RATE / 1e9).round() as u16;
                    let now = gst::get_timestamp();
                    let due = due(&pipeline, pad, pts).unwrap_or(now);
                    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                    times.insert(number, now.max(due).nseconds());
                }
                gst::PadProbeReturn::Ok
            });
        }
        Self(times)
    }

    /// CLOCK_MONOTONIC, in ns.
    pub fn take(&self) -> BTreeMap<u16, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// On the pipeline's clock, which is CLOCK_MONOTONIC where no source brings its own; none before
/// it plays.
fn due(pipeline: &gst::Pipeline, pad: &gst::Pad, pts: gst::ClockTime) -> Option<gst::ClockTime> {
    let base = pipeline.base_time().filter(|base| !base.is_zero())?;
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    Some(base + segment.to_running_time(pts)?)
}
