// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A clock in the picture: each frame shows its own timestamp as a QR code, and the emulator reads the code. So a
//! test knows which frame the remote peer saw, whatever the timestamps on the way say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// Records the frames that pass the `clock` element.
#[derive(Clone, Default)]
pub struct Clock {
    /// The frames by their timestamps in nanoseconds.
    frames: Arc<Mutex<HashMap<u64, FrameTimes>>>,
}

/// When a frame passed the `clock` element.
#[derive(Clone, Copy, Debug)]
pub struct FrameTimes {
    pub passed_at: Instant,
    pub running_time: gst::ClockTime,
}

impl Clock {
    /// Attaches to a pipeline in which `debugqroverlay name=clock` draws the codes.
    pub fn attach(pipeline: &gst::Pipeline) -> Self {
        let clock = Self::default();
        let frames = clock.frames.clone();
        let overlay = pipeline.by_name("clock").expect("a clock");
        let pad = overlay.static_pad("sink").expect("a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let passed_at = Instant::now();
            let time = || {
                let pts = info.buffer()?.pts()?;
                let segment = pad.sticky_event::<gst::event::Segment>(0)?;
                let segment = segment.segment().downcast_ref::<gst::ClockTime>()?.clone();
                Some((pts, segment.to_running_time(pts)?))
            };
            if let Some((pts, running_time)) = time() {
                let mut frames = frames.lock().expect("no panic");
                let times = FrameTimes {
                    passed_at,
                    running_time,
                };
                frames.insert(pts.nseconds(), times);
            }
            gst::PadProbeReturn::Ok
        });
        clock
    }

    /// The frame that the last code in a text belongs to.
    pub fn frame_of_last_code(&self, text: &str) -> FrameTimes {
        let timestamp = timestamp(text).unwrap_or_else(|| panic!("no clock in {text}"));
        let frames = self.frames.lock().expect("no panic");
        let found = frames.get(&timestamp);
        *found.unwrap_or_else(|| panic!("no frame passed at {timestamp} of {text}"))
    }
}

/// The timestamp in the last whole code in a text, in nanoseconds. An answer may be cut off within a code.
pub fn timestamp(text: &str) -> Option<u64> {
    text.rmatch_indices("TIMESTAMP").find_map(|(at, _)| {
        let rest = text[at..].trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    })
}

/// Reads the QR code in a picture.
pub fn read_code((width, height): (u32, u32), luma: &[u8]) -> Option<String> {
    let (width, height) = (width as usize, height as usize);
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| luma[y * width + x]);
    let grids = picture.detect_grids();
    // Some that it finds are none.
    let mut codes = grids.iter().filter_map(|grid| grid.decode().ok());
    codes.next().map(|(_, text)| text)
}

/// Adapts a launch line to the installed `debugqroverlay`. Later GStreamer versions take the size of the code in
/// percent of the picture instead of pixels for each dot.
pub fn with_codes(line: &str) -> String {
    // The overlay is made only if needed: creating one leaks a few of its own pads (1.22).
    if !line.contains("pixel-size") {
        return line.to_owned();
    }
    super::init();
    let overlay = gst::ElementFactory::make("debugqroverlay").build();
    match overlay {
        Ok(overlay) if overlay.find_property("pixel-size").is_none() => {
            // 180 pixels wide, as with the other property and the code's margin there. Dots are blurred here: of smaller codes
            // (144 pixels) one in eight could not be read after x264enc. Larger ones hide the picture, and delay it.
            let number = |name| -> Option<u32> {
                let (_, value) = line.split_once(name)?;
                let end = value.find(|c: char| !c.is_ascii_digit());
                value[..end.unwrap_or(value.len())].parse().ok()
            };
            let sides = [number("width="), number("height=")].into_iter();
            let side = sides.flatten().min().unwrap_or(240).max(1);
            let percent = (18_000 / side).clamp(1, 100);
            line.replace("pixel-size=4", &format!("size={percent}"))
        }
        _ => line.to_owned(),
    }
}

/// The percentile of these durations. Sorts them.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    durations[(durations.len() - 1) * percent / 100]
}
