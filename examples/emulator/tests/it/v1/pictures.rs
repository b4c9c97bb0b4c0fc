// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Real pictures, encoded by GStreamer, each with its number in a QR code.

use gst::prelude::*;
use serde_json::Value;

/// Plays a launch line that ends with `appsink name=out`.
fn play(line: &str) -> (gst::Pipeline, gst_app::AppSink) {
    let pipeline = gst::parse::launch(line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let sink = pipeline
        .by_name("out")
        .and_then(|sink| sink.downcast::<gst_app::AppSink>().ok())
        .expect("a sink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    (pipeline, sink)
}

/// VP8 keyframes of 640x360, ten a second by their timestamps.
pub fn numbered(count: u32) -> Vec<Vec<u8>> {
    gst::init().expect("GStreamer");
    let overlay = overlay();
    let (pipeline, sink) = play(&format!(
        "videotestsrc num-buffers={count} ! video/x-raw,format=I420,width=640,height=360,framerate=10/1 \
         ! {overlay} ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=1 \
         ! appsink name=out sync=false"
    ));
    let mut pictures = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer().expect("a buffer");
        assert!(!buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
        let map = buffer.map_readable().expect("readable");
        pictures.push(map.to_vec());
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert_eq!(pictures.len(), count as usize);
    pictures
}

/// The element that adds the QR code.
fn overlay() -> &'static str {
    let overlay = gst::ElementFactory::make("debugqroverlay")
        .build()
        .expect("debugqroverlay");
    // Since 1.28, its size is in percent.
    if overlay.has_property("pixel-size") {
        "debugqroverlay pixel-size=4"
    } else {
        "debugqroverlay size=60"
    }
}

/// The number in a QR code; the first picture has 0.
pub fn number(code: &str) -> u64 {
    let json: Value = serde_json::from_str(code).expect("JSON");
    let count = &json["BUFFERCOUNT"];
    count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .and_then(|count| count.checked_sub(1))
        .unwrap_or_else(|| panic!("no number in {code}"))
}

/// A single picture.
#[derive(Clone, Copy)]
pub enum Still {
    Red,
    Blue,
    /// 640x360, with a QR code.
    Numbered,
    /// 512x512, which cannot be compressed.
    Noise,
}

impl Still {
    /// The picture, encoded by this element.
    pub fn encoded(self, encoder: &str) -> Vec<u8> {
        gst::init().expect("GStreamer");
        let (pattern, size, more) = match self {
            Still::Red => (
                "solid-color foreground-color=0xffff0000",
                (64, 48),
                "identity",
            ),
            Still::Blue => (
                "solid-color foreground-color=0xff0000ff",
                (64, 48),
                "identity",
            ),
            Still::Numbered => ("smpte", (640, 360), overlay()),
            Still::Noise => ("snow", (512, 512), "identity"),
        };
        let (width, height) = size;
        let (pipeline, sink) = play(&format!(
            "videotestsrc num-buffers=1 pattern={pattern} ! video/x-raw,format=I420,width={width},height={height} \
             ! {more} ! videoconvert ! {encoder} ! appsink name=out sync=false"
        ));
        let sample = sink.pull_sample().expect("a picture");
        pipeline.set_state(gst::State::Null).expect("it stops");
        let buffer = sample.buffer().expect("a buffer");
        buffer.map_readable().expect("readable").to_vec()
    }
}
