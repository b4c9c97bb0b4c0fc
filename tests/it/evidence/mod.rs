// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Evidence: each answer carries the picture that it is about, and each alert has its files. The pictures contain a clock,
//! so that the tests know which frame the service saw and which frame the element shows.

mod clips;
mod stills;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::clock::{read_code, timestamp};
use crate::common::pipeline::PostedMessage;
use crate::common::{Pipeline, Service};

const WAIT: Duration = Duration::from_secs(20);
const CLOCK: &str = "videotestsrc name=source is-live=true pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! debugqroverlay name=clock pixel-size=4";
const X264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! video/x-h264,profile=constrained-baseline";
const WHITE: &str = "alert,name=white,when=\"/brightness\\ >\\ 0.5\",cool-down=0";
const BRIGHTNESS: &str =
    r#"{"type":"object","properties":{"brightness":{"type":"number"}},"required":["brightness"]}"#;

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
        let name = format!("overshoot-evidence-{process}-{count}-{name}");
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    /// A pattern in it.
    fn pattern(&self) -> String {
        let pattern = self.0.join("alert-%03d.jpg");
        pattern.to_str().expect("UTF-8").to_owned()
    }

    /// The names of its files, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("UTF-8")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A decoded picture: its size, and its pixels as RGB.
struct Pixels {
    size: (u32, u32),
    rgb: Vec<[u8; 3]>,
}

impl Pixels {
    fn of_sample(sample: &gst::Sample) -> Self {
        let line = "appsrc name=source ! jpegdec idct-method=islow ! videoconvert ! video/x-raw,format=RGBx ! appsink name=pixels sync=false";
        let pipeline = gst::parse::launch(line).expect("a pipeline");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let source = pipeline.by_name("source").and_downcast::<gst_app::AppSrc>();
        let source = source.expect("an appsrc");
        let sink = pipeline
            .by_name("pixels")
            .and_downcast::<gst_app::AppSink>();
        pipeline.set_state(gst::State::Playing).expect("it plays");
        source.push_sample(sample).expect("it flows");
        source.end_of_stream().expect("it flows");
        let raw = sink
            .expect("an appsink")
            .try_pull_sample(gst::ClockTime::from_seconds(5));
        pipeline.set_state(gst::State::Null).expect("it stops");
        let raw = raw.expect("it is a JPEG picture");
        let info = gst_video::VideoInfo::from_caps(raw.caps().expect("caps")).expect("video");
        let map = raw
            .buffer()
            .expect("pixels")
            .map_readable()
            .expect("readable");
        let (pixels, _) = map.as_chunks::<4>();
        Self {
            size: (info.width(), info.height()),
            rgb: pixels.iter().map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        }
    }

    fn of_file(path: &Path) -> Self {
        let data = fs::read(path).expect("a file");
        let caps = gst::Caps::new_empty_simple("image/jpeg");
        let buffer = gst::Buffer::from_slice(data);
        let sample = gst::Sample::builder().buffer(&buffer).caps(&caps);
        Self::of_sample(&sample.build())
    }

    /// The timestamp that the clock shows, in nanoseconds.
    fn clock(&self) -> Option<u64> {
        let luma = self.rgb.iter().map(|[_, green, _]| *green);
        let read = read_code(self.size, &luma.collect::<Vec<_>>());
        timestamp(&read?)
    }

    /// The mean of each channel.
    fn mean(&self) -> [f64; 3] {
        let sum = |channel: usize| {
            self.rgb
                .iter()
                .map(|pixel| f64::from(pixel[channel]))
                .sum::<f64>()
        };
        [0, 1, 2].map(|channel| sum(channel) / self.rgb.len() as f64)
    }
}

fn picture(posted: &PostedMessage) -> Option<gst::Sample> {
    posted.structure.get("picture").ok()
}

fn clock_time(posted: &PostedMessage, field: &str) -> Option<gst::ClockTime> {
    posted.structure.get(field).ok()
}

/// Waits until this many answers have come.
fn wait_for_results(pipeline: &Pipeline, count: usize) -> Vec<PostedMessage> {
    let end = Instant::now() + WAIT;
    loop {
        let results = pipeline.results();
        if results.len() >= count {
            return results;
        }
        assert!(
            Instant::now() < end,
            "{} answers: {:?}",
            results.len(),
            pipeline.failures()
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A pipeline with an alert for white pictures and, if it is not empty, this `evidence-location`.
fn pipeline(service: &Service, line: &str, location: &str) -> Pipeline {
    let pipeline = Pipeline::new(service, line);
    let alert: gst::Structure = WHITE.parse().expect("a structure");
    let sink = &pipeline.sink;
    sink.set_property("output-schema", BRIGHTNESS);
    sink.set_property("alerts", gst::Array::new([alert]));
    if !location.is_empty() {
        sink.set_property("evidence-location", location);
    }
    pipeline
}

fn count(pipeline: &Pipeline, counter: &str) -> u64 {
    let stats: gst::Structure = pipeline.sink.property("stats");
    stats.get(counter).expect(counter)
}
