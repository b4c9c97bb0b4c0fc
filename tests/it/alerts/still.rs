// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `ask-when`: a still scene is asked about seldom, and a change at once.

use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{BRIGHTNESS, SOURCE, WAIT, show, wait_for_answers};
use crate::common::{Pipeline, Service};

/// A pipeline that asks five times a second, if the scene changes.
fn pipeline(service: &Service, source: &str, ask_when: &str) -> Pipeline {
    let line = format!("{source} ! overshootsink name=o interval-seconds=0.2");
    let pipeline = Pipeline::new(service, &line);
    let ask_when: gst::Structure = ask_when.parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    pipeline.sink.set_property("output-schema", BRIGHTNESS);
    pipeline
}

/// The number of questions that were asked so far.
fn asked(service: &Service) -> usize {
    service.control.snapshot().questions.len()
}

/// Waits until an answer after so many says that it is bright, or dark. Returns how long after the change that was.
fn wait_for_brightness(
    pipeline: &Pipeline,
    answers: usize,
    is_bright: bool,
    changed: Instant,
) -> Duration {
    let is_told = || {
        let results = pipeline.results();
        results[answers..].iter().any(|result| {
            let answer: serde_json::Value = serde_json::from_str(&result.text()).expect("JSON");
            (answer["brightness"].as_f64().expect("a number") > 0.5) == is_bright
        })
    };
    while !is_told() {
        assert!(changed.elapsed() < WAIT, "no answer, bright: {is_bright}");
        thread::sleep(Duration::from_millis(10));
    }
    changed.elapsed()
}

#[test]
fn a_still_scene_is_asked_about_seldom_and_a_change_at_once() {
    let service = Service::of("v1", |_| {});
    let pipeline = pipeline(&service, SOURCE, "still,after=1,every=0");
    show(&pipeline, "black");
    pipeline.play();
    wait_for_answers(&pipeline, 1);
    // The scene counts as still.
    thread::sleep(Duration::from_secs(3));
    for (pattern, is_bright) in [("white", true), ("black", false)] {
        let (before, answers) = (asked(&service), pipeline.results().len());
        thread::sleep(Duration::from_secs(2));
        assert_eq!(asked(&service), before, "nothing changes");
        show(&pipeline, pattern);
        let changed = Instant::now();
        let late = wait_for_brightness(&pipeline, answers, is_bright, changed);
        println!("told after {late:?}");
        assert!(late < Duration::from_millis(1200), "{late:?}");
        // It becomes usual again: from a hundred levels and more in about twice `after`.
        thread::sleep(Duration::from_secs(4));
        let more = asked(&service) - before;
        assert!(
            (1..=16).contains(&more),
            "{more} questions about one change"
        );
    }
    pipeline.stop();
    let silent = pipeline.failures();
    assert!(silent.is_empty(), "no answer is missing: {silent:?}");
    service.assert_all_deleted();
}

#[test]
fn a_still_scene_is_asked_about_once_in_a_while() {
    let service = Service::of("v1", |_| {});
    let pipeline = pipeline(&service, SOURCE, "still,after=1,every=1");
    show(&pipeline, "black");
    pipeline.play();
    wait_for_answers(&pipeline, 1);
    let before = asked(&service);
    thread::sleep(Duration::from_secs(5));
    let asked = asked(&service) - before;
    pipeline.stop();
    assert!((3..=7).contains(&asked), "{asked} questions in 5 s");
}

/// Encoded video with a key frame each so many frames, at 30/s.
fn encoded_video_is_looked_at(key_int_max: u32, interval: f64, latest: Duration) {
    let service = Service::of("v1", |_| {});
    let source = format!(
        "{SOURCE} ! x264enc tune=zerolatency key-int-max={key_int_max} ! video/x-h264,profile=constrained-baseline"
    );
    let pipeline = pipeline(&service, &source, "still,after=1,every=0");
    pipeline.sink.set_property("interval-seconds", interval);
    show(&pipeline, "black");
    pipeline.play();
    wait_for_answers(&pipeline, 1);
    let stats: gst::Structure = pipeline.sink.property("stats");
    assert_eq!(stats.get("passthrough"), Ok(true), "{stats}");
    // Key frames alone are decoded after six of them.
    thread::sleep(Duration::from_secs(9));
    for (pattern, is_bright) in [("white", true), ("black", false)] {
        let (before, answers) = (asked(&service), pipeline.results().len());
        thread::sleep(Duration::from_secs(3));
        assert_eq!(asked(&service), before, "nothing changes");
        show(&pipeline, pattern);
        let changed = Instant::now();
        let late = wait_for_brightness(&pipeline, answers, is_bright, changed);
        println!("key-int-max={key_int_max}: told after {late:?}");
        assert!(late < latest, "{late:?}");
        thread::sleep(Duration::from_secs(6));
    }
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn of_encoded_video_key_frames_are_looked_at() {
    // The next key frame comes after 1 s, and the next question 1.5 s later.
    encoded_video_is_looked_at(30, 1.5, Duration::from_millis(3200));
}

#[test]
fn of_encoded_video_with_few_key_frames_all_frames_are_looked_at() {
    encoded_video_is_looked_at(3000, 0.2, Duration::from_millis(1400));
}

#[test]
fn video_that_cannot_be_looked_at_is_asked_about_always_and_a_message_says_so() {
    let service = Service::of("v1", |_| {});
    let pipeline = pipeline(&service, &format!("{SOURCE} ! jpegenc"), "still,every=0");
    pipeline.play();
    pipeline.wait_for("the message", WAIT, |message| match message.view() {
        gst::MessageView::Info(info) => info.error().message().contains("decodebin").then_some(()),
        _ => None,
    });
    wait_for_answers(&pipeline, 5);
    pipeline.stop();
}
