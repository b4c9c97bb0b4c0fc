// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Interoperability with other software: an aiortc peer, an RTSP camera, and the real service.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Camera, Pipeline, Service};
use gst::prelude::*;

#[test]
fn aiortc_which_supports_only_ecdsa_decodes_the_video() {
    let python = std::env::var("OVERSHOOT_TEST_PYTHON")
        .expect("OVERSHOOT_TEST_PYTHON: run the tests by `bash tests/run.sh`, which sets it up");
    for (codec, caps) in [("VP8", "video/x-vp8"), ("H.264", "video/x-h264")] {
        let mut peer = Command::new(&python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/setup/aiortc_peer.py"
            ))
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let mut lines = BufReader::new(peer.stdout.take().expect("piped")).lines();
        let first_line = lines.next().expect("a line").expect("readable");
        let url = first_line
            .strip_prefix("listening on ")
            .expect("the address");

        let start = Instant::now();
        let pipeline = Pipeline::at(
            url,
            &format!(
                "videotestsrc is-live=true num-buffers=90 ! video/x-raw,width=640,height=360,framerate=30/1 \
                 ! overshootsink name=o delay-seconds=1 clip-length-seconds=1 video-caps={caps}"
            ),
        );
        pipeline.play();
        let result = pipeline.wait_for_element("overshoot-result", Duration::from_secs(15));
        println!(
            "{codec}: first answer after {:?}: {result}",
            start.elapsed()
        );
        assert!(
            result
                .get::<&str>("result")
                .expect("text")
                .contains("640x360")
        );
        pipeline.wait_for_eos(Duration::from_secs(20));
        pipeline.stop();
        drop(peer.stdin.take());
        let rest: Vec<String> = lines.map(|line| line.expect("readable")).collect();
        let _ = peer.wait();
        let deleted = rest.iter().find(|line| line.starts_with("deleted"));
        let frames: u32 = deleted
            .and_then(|line| line.split(' ').nth(3)?.parse().ok())
            .unwrap_or_else(|| panic!("not deleted: {rest:?}"));
        println!("{codec}: {frames} of 90 frames decoded");
        assert!(frames >= 70, "{frames} frames");
    }
}

#[test]
fn an_rtsp_camera_is_described() {
    let camera = Camera::start("bikes.mp4");
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!(
            "rtspsrc location={} latency=100 ! decodebin ! overshootsink name=o",
            camera.url
        ),
    );
    pipeline.play();
    let seen = service.wait("two seconds of frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 50)
    });
    let frame = &seen.streams[0].frames[0];
    println!("{}x{}, mean luma {}", frame.width, frame.height, frame.luma);
    assert_eq!((frame.width, frame.height), (640, 272));
    let result = pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    assert!(
        result
            .get::<&str>("result")
            .expect("text")
            .contains("640x272")
    );
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn the_real_service_answers() {
    if std::env::var("OVERSHOOT_API_KEY").is_err() {
        println!("skipped: OVERSHOOT_API_KEY is not set, so there is no account for this test");
        return;
    }
    crate::common::init();
    let pipeline = gst::parse::launch(
        "videotestsrc is-live=true num-buffers=300 pattern=ball \
         ! video/x-raw,width=640,height=360,framerate=30/1 \
         ! overshootsink name=o prompt=\"What do you see? One short sentence.\" \
           target-fps=6 clip-length-seconds=1 delay-seconds=1",
    )
    .expect("a pipeline");
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let bus = pipeline.bus().expect("a bus");
    let (mut answers, mut failure) = (0, None);
    while let Some(message) = bus.timed_pop(gst::ClockTime::from_seconds(60)) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => {
                failure = Some(error.error().to_string());
                break;
            }
            gst::MessageView::Warning(warning) => {
                failure = Some(warning.error().to_string());
            }
            _ => {
                if let Some(structure) = message.structure()
                    && structure.name() == "overshoot-result"
                {
                    println!("{structure}");
                    answers += 1;
                }
            }
        }
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert_eq!(failure, None);
    assert!(answers > 0, "no answer came");
}
