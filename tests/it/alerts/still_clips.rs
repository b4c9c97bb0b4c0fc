// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `ask-when=still` with real clips: a person who talks in a car, and a street with bicycles.

use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::WAIT;
use crate::common::{Pipeline, PostedMessage, Service, video};

const FRAME_RATE: u32 = 15;
const MOVING: &str =
    r#"{"type":"object","properties":{"moving":{"type":"boolean"}},"required":["moving"]}"#;

/// The frames of a clip, at most so many.
fn frames(name: &str, count: u32) -> (gst::Caps, Vec<gst::Buffer>) {
    crate::common::init();
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! videorate ! video/x-raw,format=I420,framerate={FRAME_RATE}/1 ! appsink name=frames sync=false",
        video(name).display()
    );
    let pipeline = gst::parse::launch(&line).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Bin>().expect("a bin");
    let sink = pipeline.by_name("frames").expect("named");
    let sink = sink.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut caps = None;
    let mut frames = Vec::new();
    while frames.len() < count as usize
        && let Ok(sample) = sink.pull_sample()
    {
        caps = sample.caps_owned();
        let frame = sample.buffer_owned().expect("a frame");
        frames.push(frame.copy_deep().expect("memory"));
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    (caps.expect("frames"), frames)
}

/// The first frame of the clip stands still, then the clip plays for three seconds, then its last frame stands still.
fn only_the_clip_is_asked_about(name: &str) {
    let (caps, clip) = frames(name, 3 * FRAME_RATE);
    let service = Service::of("v1", |_| {});
    let line = "appsrc name=camera is-live=true format=time do-timestamp=true ! overshootsink name=o interval-seconds=0.2";
    let pipeline = Pipeline::new(&service, line);
    let ask_when: gst::Structure = "still,after=1,every=0".parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    pipeline.sink.set_property("output-schema", MOVING);
    let source = pipeline.pipeline.by_name("camera").expect("named");
    let source = source.downcast::<gst_app::AppSrc>().expect("an appsrc");
    source.set_caps(Some(&caps));
    pipeline.play();
    let show = |frame: &gst::Buffer| {
        // Each frame has memory of its own, as a camera's.
        let mut frame = frame.copy_deep().expect("memory");
        let own = frame.get_mut().expect("own");
        own.set_pts(gst::ClockTime::NONE);
        own.set_dts(gst::ClockTime::NONE);
        source.push_buffer(frame).expect("it flows");
        thread::sleep(Duration::from_secs(1) / FRAME_RATE);
    };
    let stand_still = |frame: &gst::Buffer, time: Duration| {
        let begun = Instant::now();
        while begun.elapsed() < time {
            show(frame);
        }
    };
    let asked = || service.control.snapshot().questions.len();

    // Until there are answers and the scene counts as still.
    let (first, last) = (&clip[0], &clip[clip.len() - 1]);
    let begun = Instant::now();
    while pipeline.results().is_empty() {
        assert!(begun.elapsed() < WAIT, "no answer");
        show(first);
    }
    stand_still(first, Duration::from_secs(3));
    let before = asked();
    stand_still(first, Duration::from_secs(2));
    assert_eq!(asked(), before, "{name}: nothing changes");

    let answers = pipeline.results().len();
    let changed = Instant::now();
    let mut first_question = None;
    for frame in &clip {
        show(frame);
        if first_question.is_none() && asked() > before {
            first_question = Some(changed.elapsed());
        }
    }
    let questions = asked() - before;
    println!("{name}: {questions} questions, the first after {first_question:?}");
    let late = first_question.unwrap_or_else(|| panic!("{name}: nothing is asked"));
    assert!(late < Duration::from_millis(1200), "{name}: {late:?}");
    assert!(questions >= 5, "{name}: {questions} questions");

    stand_still(last, Duration::from_secs(4));
    let before = asked();
    stand_still(last, Duration::from_secs(2));
    assert_eq!(asked(), before, "{name}: nothing changes any more");
    let moves = pipeline.results()[answers..].iter().any(says_moving);
    assert!(moves, "{name}: no answer is about the movement");
    pipeline.stop();
    service.assert_all_deleted();
}

fn says_moving(result: &PostedMessage) -> bool {
    let answer: serde_json::Value = serde_json::from_str(&result.text()).expect("JSON");
    answer["moving"] == true
}

#[test]
fn a_talking_person_is_asked_about_and_a_still_picture_of_one_is_not() {
    only_the_clip_is_asked_about("carphone_pristine.mp4");
}

#[test]
fn a_street_is_asked_about_and_a_still_picture_of_it_is_not() {
    only_the_clip_is_asked_about("bikes.mp4");
}
