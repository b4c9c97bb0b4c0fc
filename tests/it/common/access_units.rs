// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A file of encoded video as a source that a test controls: its access units, one by one.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use gst::prelude::*;

use super::Pipeline;

/// An H.264 file, and what it should look like.
pub struct AccessUnits {
    pub caps: gst::Caps,
    pub units: Vec<gst::Buffer>,
}

impl AccessUnits {
    /// Runs a launch line that outputs H.264, and splits its output.
    pub fn of(line: &str) -> Self {
        super::init();
        let line = format!(
            "{line} ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=s sync=false"
        );
        let (mut caps, mut units) = (None, Vec::new());
        pull(&line, |sample| {
            caps = sample.caps_owned();
            units.extend(sample.buffer_owned());
        });
        Self {
            caps: caps.expect("an access unit"),
            units,
        }
    }

    /// Those of a file of `tests/inputs`.
    pub fn of_file(name: &str) -> Self {
        Self::of(&format!(
            "filesrc location={}",
            super::input(name).display()
        ))
    }

    /// Without the first `count` units: a stream that is joined late. Its parameter sets are in the caps only.
    pub fn skip(mut self, count: usize) -> Self {
        self.units.drain(..count);
        self
    }

    /// Pushes the units into the `appsrc name=src` of the pipeline, 30 per second, and then EOS.
    pub fn feed(self, pipeline: &Pipeline) -> JoinHandle<()> {
        let source = pipeline.pipeline.by_name("src").expect("src");
        let source = source.downcast::<gst_app::AppSrc>().expect("an appsrc");
        source.set_caps(Some(&self.caps));
        let live = source.is_live();
        thread::spawn(move || {
            for (n, unit) in self.units.into_iter().enumerate() {
                let mut unit = unit.copy();
                let unit_mut = unit.get_mut().expect("a copy");
                let pts = (!live).then(|| gst::ClockTime::SECOND * n as u64 / 30);
                unit_mut.set_pts(pts);
                unit_mut.set_dts(None);
                if source.push_buffer(unit).is_err() {
                    return;
                }
                if live {
                    thread::sleep(Duration::from_millis(33));
                }
            }
            let _ = source.end_of_stream();
        })
    }
}

/// The mean colour of each picture that a launch line outputs.
pub fn colours(line: &str) -> Vec<[u8; 3]> {
    super::init();
    let line =
        format!("{line} ! videoconvert ! video/x-raw,format=RGBx ! appsink name=s sync=false");
    let mut colours = Vec::new();
    pull(&line, |sample| {
        let buffer = sample.buffer().expect("a buffer");
        let pixels = buffer.map_readable().expect("mapped");
        let count = pixels.len() / 4;
        colours.push([0, 1, 2].map(|channel| {
            let values = pixels.iter().skip(channel).step_by(4);
            (values.map(|value| usize::from(*value)).sum::<usize>() / count) as u8
        }));
    });
    colours
}

fn pull(line: &str, mut each: impl FnMut(&gst::Sample)) {
    let pipeline = gst::parse::launch(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let sink = pipeline.by_name("s").and_downcast::<gst_app::AppSink>();
    pipeline.set_state(gst::State::Playing).expect("it plays");
    while let Ok(sample) = sink.as_ref().expect("an appsink").pull_sample() {
        each(&sample);
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
}
