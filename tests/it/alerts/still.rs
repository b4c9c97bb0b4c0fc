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
        let is_told = || {
            let results = pipeline.results();
            let newest = results[answers..].iter().map(|result| result.text());
            newest.clone().any(|text| {
                let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                (answer["brightness"].as_f64().expect("a number") > 0.5) == is_bright
            })
        };
        while !is_told() {
            assert!(changed.elapsed() < WAIT, "no answer about {pattern}");
            thread::sleep(Duration::from_millis(10));
        }
        let late = changed.elapsed();
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

#[test]
fn encoded_video_is_asked_about_always_and_a_message_says_so() {
    let service = Service::of("v1", |_| {});
    let source = format!(
        "{SOURCE} ! x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=constrained-baseline"
    );
    let pipeline = pipeline(&service, &source, "still,every=0");
    pipeline.play();
    pipeline.wait_for("the message", WAIT, |message| match message.view() {
        gst::MessageView::Info(info) => info.error().message().contains("decodebin").then_some(()),
        _ => None,
    });
    wait_for_answers(&pipeline, 5);
    pipeline.stop();
}
