// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers that say the same as the one before: marked, or held back by `changes-only`.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde_json::Value;

use super::{BRIGHTNESS, SOURCE, show};
use crate::common::{Pipeline, Service};

fn pipeline(service: &Service, properties: &str) -> Pipeline {
    let line = format!(
        "{SOURCE} ! overshootsink name=o interval-seconds=0.2 {properties} \
         o.json_src ! appsink name=json sync=false async=false"
    );
    let pipeline = Pipeline::new(service, &line);
    show(&pipeline, "black");
    pipeline.sink.set_property("output-schema", BRIGHTNESS);
    pipeline
}

/// A number of `stats`.
fn count(pipeline: &Pipeline, field: &str) -> u64 {
    let stats: gst::Structure = pipeline.sink.property("stats");
    stats.get(field).unwrap_or_default()
}

/// Waits until there are this many more answers.
fn wait_for_answers(pipeline: &Pipeline, more: u64) {
    let (enough, end) = (
        count(pipeline, "answers") + more,
        Instant::now() + Duration::from_secs(20),
    );
    while count(pipeline, "answers") < enough {
        assert!(Instant::now() < end, "no more answers");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Counts the emissions of `result`.
fn count_signals(pipeline: &Pipeline) -> Arc<AtomicU64> {
    let signals = Arc::new(AtomicU64::new(0));
    let counted = signals.clone();
    pipeline.sink.connect("result", false, move |_| {
        counted.fetch_add(1, SeqCst);
        None
    });
    signals
}

/// Collects the lines of `json_src`.
fn lines(pipeline: &Pipeline) -> Arc<Mutex<Vec<Value>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = lines.clone();
    let appsink = pipeline.pipeline.by_name("json").expect("the appsink");
    let appsink = appsink.downcast::<gst_app::AppSink>().expect("an appsink");
    let new_sample = move |appsink: &gst_app::AppSink| {
        let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let map = sample
            .buffer()
            .expect("a buffer")
            .map_readable()
            .expect("readable");
        let line = serde_json::from_slice(&map).expect("JSON");
        into.lock().expect("no panic").push(line);
        Ok(gst::FlowSuccess::Ok)
    };
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample);
    appsink.set_callbacks(callbacks.build());
    lines
}

fn brightness(text: &str) -> f64 {
    let answer: Value = serde_json::from_str(text).expect("JSON");
    answer["brightness"].as_f64().expect("a number")
}

/// Neighbours differ, and all that was shown is there.
fn check_changes(told: &[f64]) {
    let differ = |pair: &[f64]| (pair[0] - pair[1]).abs() > 0.02;
    assert!(told.windows(2).all(differ), "{told:?}");
    assert!(told[0] < 0.1 && told[told.len() - 1] < 0.1, "{told:?}");
    assert!(told.iter().any(|brightness| *brightness > 0.9), "{told:?}");
    // At a change, a picture may be between the two for an answer or two.
    assert!((3..=7).contains(&told.len()), "{told:?}");
}

fn only_changes_are_told(api: &str) {
    let service = Service::of(api, |_| {});
    let pipeline = pipeline(&service, "changes-only=messages+pads+signal");
    let lines = lines(&pipeline);
    let signals = count_signals(&pipeline);
    pipeline.play();
    wait_for_answers(&pipeline, 5);
    for pattern in ["white", "black"] {
        show(&pipeline, pattern);
        wait_for_answers(&pipeline, 8);
    }
    pipeline.stop();
    let told: Vec<_> = pipeline
        .results()
        .iter()
        .map(|result| brightness(&result.text()))
        .collect();
    check_changes(&told);
    assert_eq!(signals.load(SeqCst), told.len() as u64);
    let lines = lines.lock().expect("no panic").clone();
    assert_eq!(lines.len(), told.len(), "{api}: {lines:?}");
    let (answers, repeated) = (
        count(&pipeline, "answers"),
        count(&pipeline, "answers-repeated"),
    );
    assert_eq!(answers - repeated, told.len() as u64);
    assert!(repeated >= 12, "{repeated} of {answers}");
    service.assert_all_deleted();
}

#[test]
fn on_v02_only_changes_are_told() {
    only_changes_are_told("v0.2");
}

#[test]
fn on_v1_only_changes_are_told() {
    only_changes_are_told("v1");
}

#[test]
fn repeated_answers_are_marked_and_other_outputs_get_them() {
    let service = Service::start();
    let pipeline = pipeline(&service, "changes-only=signal");
    let lines = lines(&pipeline);
    let signals = count_signals(&pipeline);
    pipeline.play();
    wait_for_answers(&pipeline, 6);
    pipeline.stop();
    let results = pipeline.results();
    let marked = results
        .iter()
        .map(|result| result.structure.get("repeated").expect("a mark"));
    let marked: Vec<bool> = marked.collect();
    assert!(
        !marked[0] && marked[1..].iter().all(|repeated| *repeated),
        "{marked:?}"
    );
    assert_eq!(signals.load(SeqCst), 1);
    // Every answer is there.
    assert_eq!(lines.lock().expect("no panic").len(), results.len());
}
