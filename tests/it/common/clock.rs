//! A clock in the picture: each frame carries its own timestamp as a QR code, which the emulator
//! reads. What the far side saw is then known for certain, whatever the timestamps on the way say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// The frames that passed the clock.
#[derive(Clone, Default)]
pub struct Clock {
    /// By their timestamps in nanoseconds.
    passed: Arc<Mutex<HashMap<u64, Passed>>>,
}

/// When a frame passed.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    pub at: Instant,
    pub running_time: gst::ClockTime,
}

impl Clock {
    /// Of a pipeline in which `debugqroverlay name=clock` draws the codes.
    pub fn of(pipeline: &gst::Pipeline) -> Self {
        let clock = Self::default();
        let passed = clock.passed.clone();
        let overlay = pipeline.by_name("clock").expect("a clock");
        let pad = overlay.static_pad("sink").expect("a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let at = Instant::now();
            let time = || {
                let pts = info.buffer()?.pts()?;
                let segment = pad.sticky_event::<gst::event::Segment>(0)?;
                let segment = segment.segment().downcast_ref::<gst::ClockTime>()?.clone();
                Some((pts, segment.to_running_time(pts)?))
            };
            if let Some((pts, running_time)) = time() {
                let mut passed = passed.lock().expect("no panic");
                passed.insert(pts.nseconds(), Passed { at, running_time });
            }
            gst::PadProbeReturn::Ok
        });
        clock
    }

    /// The frame of the last code in a text.
    pub fn newest(&self, text: &str) -> Passed {
        let timestamp = timestamp(text).unwrap_or_else(|| panic!("no clock in {text}"));
        let passed = self.passed.lock().expect("no panic");
        let found = passed.get(&timestamp);
        *found.unwrap_or_else(|| panic!("no frame passed at {timestamp} of {text}"))
    }
}

/// What the clock shows by the last code in a text.
pub fn timestamp(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once("TIMESTAMP")?;
    let digits: String = rest
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// The code in a picture.
pub fn code((width, height): (u32, u32), luma: &[u8]) -> Option<String> {
    let (width, height) = (width as usize, height as usize);
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| luma[y * width + x]);
    let grids = picture.detect_grids();
    grids.first()?.decode().ok().map(|(_, text)| text)
}

/// A launch line with codes in the pictures, as this GStreamer's `debugqroverlay` takes it: later
/// ones have the size in percent of the picture instead of in pixels for each dot.
pub fn with_codes(line: &str) -> String {
    // Not without need: making one leaks a few pads of its own (1.22).
    if !line.contains("pixel-size") {
        return line.to_owned();
    }
    super::init();
    let overlay = gst::ElementFactory::make("debugqroverlay").build();
    match overlay {
        Ok(overlay) if overlay.find_property("pixel-size").is_none() => {
            line.replace("pixel-size=4", "size=60")
        }
        _ => line.to_owned(),
    }
}

/// Of so many percent; sorts them.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    durations[(durations.len() - 1) * percent / 100]
}
