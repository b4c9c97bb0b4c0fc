// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Boxes of answers as GstAnalytics: `objectdetectionoverlay` draws them.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::SocketMessage;
use serde_json::{Value, json};

use super::WAIT;
use crate::common::{Pipeline, Service};

/// Where a line of 640x480 RGBA pixels has pixels that are not black, as the first and the last one.
fn drawn(pixels: impl Iterator<Item = bool>) -> Option<(usize, usize)> {
    let drawn: Vec<_> = pixels
        .enumerate()
        .filter_map(|(index, drawn)| drawn.then_some(index))
        .collect();
    Some((*drawn.first()?, *drawn.last()?))
}

fn draws(scale: f64) {
    crate::common::init();
    if gst::ElementFactory::find("objectdetectionoverlay").is_none() {
        println!("skipped: this GStreamer has no objectdetectionoverlay");
        return;
    }
    let service = Service::start();
    let line = "videotestsrc is-live=true pattern=black ! video/x-raw,format=RGBA,width=640,height=480,framerate=30/1 \
        ! overshootfilter name=o interval-seconds=60 ! objectdetectionoverlay draw-labels=false ! videoconvert ! video/x-raw,format=RGBA \
        ! appsink name=end sync=false max-buffers=1 drop=true";
    let pipeline = Pipeline::new(&service, line);
    let end = pipeline.pipeline.by_name("end").expect("it");
    let end = end.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    // From a quarter to a half of the width, from a half to three quarters of the height.
    let corners = [0.25, 0.5, 0.5, 0.75].map(|part| part * scale);
    let boxes: Value = json!([{"label": "cat", "box": corners}]);
    let answer = json!({"id": "boxes", "prompt": "What do you see?", "result": boxes.to_string(), "ok": true, "total_latency_ms": 50.0});
    let sent = SocketMessage::Text(answer.to_string());
    assert!(service.control.send_on_socket(&service.stream().id, sent));
    let give_up = Instant::now() + WAIT;
    let (across, down) = loop {
        let sample = end.try_pull_sample(gst::ClockTime::from_seconds(5));
        let sample = sample.expect("a frame");
        let map = sample.buffer().expect("a buffer").map_readable();
        let map = map.expect("readable");
        let is_drawn = |x: usize, y: usize| map[(y * 640 + x) * 4..][..3].iter().any(|c| *c > 64);
        let across = drawn((0..640).map(|x| is_drawn(x, 300)));
        let down = drawn((0..480).map(|y| is_drawn(240, y)));
        if let Some(both) = across.zip(down) {
            break both;
        }
        assert!(Instant::now() < give_up, "nothing is drawn");
        std::thread::sleep(Duration::from_millis(10));
    };
    let near = |place: usize, expected: usize| place.abs_diff(expected) <= 4;
    assert!(near(across.0, 160) && near(across.1, 320), "{across:?}");
    assert!(near(down.0, 240) && near(down.1, 360), "{down:?}");
}

#[test]
fn normalised_boxes_are_drawn_at_their_place() {
    draws(1.0);
}

#[test]
fn boxes_of_qwen_are_drawn_at_their_place() {
    draws(1000.0);
}
