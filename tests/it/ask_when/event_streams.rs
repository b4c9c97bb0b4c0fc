// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events while a stream begins, is lost or ends, and questions that do not wait for events.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::EndReason;

use super::{WAIT, pipeline, questions, trigger, wait_for_questions, wait_for_video};
use crate::common::{Pipeline, Service};

#[test]
fn an_event_before_the_stream_is_asked_about_once_it_flows() {
    let service = Service::of("v1", |_| {});
    let pipeline = pipeline(&service, "interval-seconds=60", "event,after=0");
    pipeline.play();
    assert!(trigger(&pipeline));
    let all = wait_for_questions(&service, 1);
    assert_eq!(all.len(), 1);
    pipeline.wait_for_element("overshoot-result", WAIT);
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn an_event_whose_answer_was_lost_with_its_stream_is_asked_about_again() {
    let service = Service::of("v1", |config| {
        config.inference_latency = Duration::from_secs(2);
    });
    let pipeline = pipeline(&service, "interval-seconds=60", "event,after=0");
    pipeline.play();
    wait_for_video(&service, 1);
    assert!(trigger(&pipeline));
    wait_for_questions(&service, 1);
    let id = service.stream().id;
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    let result = pipeline.wait_for("an answer", WAIT, |message| {
        let structure = message.structure()?;
        (structure.get("ok") == Ok(true)).then(|| structure.to_owned())
    });
    assert_eq!(result.get("stream-epoch"), Ok(2_u64), "{result}");
    // Not once more.
    let asked = questions(&service).len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(questions(&service).len(), asked);
    pipeline.stop();
}

#[test]
fn the_end_waits_for_the_answer_about_an_event_and_for_nothing_else() {
    for with_event in [false, true] {
        let service = Service::of("v1", |config| {
            config.inference_latency = Duration::from_millis(800);
        });
        let line = "videotestsrc is-live=true num-buffers=150 ! video/x-raw,width=320,height=240,framerate=30/1 ! overshootsink name=o interval-seconds=1";
        let pipeline = Pipeline::new(&service, line);
        let ask_when: gst::Structure = "event,after=0".parse().expect("a structure");
        pipeline.sink.set_property("ask-when", ask_when);
        pipeline.play();
        let start = Instant::now();
        wait_for_video(&service, 2);
        if with_event {
            std::thread::sleep(Duration::from_millis(4500).saturating_sub(start.elapsed()));
            assert!(trigger(&pipeline));
        }
        pipeline.wait_for_eos(WAIT);
        let late = start.elapsed().saturating_sub(Duration::from_secs(5));
        let answers = pipeline.results();
        println!("event: {with_event}, end after {late:?}");
        assert_eq!(answers.len(), usize::from(with_event));
        if !with_event {
            assert!(late < Duration::from_millis(1200), "{late:?}");
        }
        assert!(!trigger(&pipeline), "the video has ended");
        pipeline.stop();
        let failures = pipeline.failures();
        let others = failures
            .iter()
            .filter(|f| !f.text.contains("trigger has no effect"));
        assert_eq!(others.count(), 0, "{failures:?}");
        service.assert_all_deleted();
    }
}

#[test]
fn questions_of_the_application_do_not_wait_for_events() {
    let service = Service::of("v1", |_| {});
    let pipeline = pipeline(&service, "interval-seconds=1", "event");
    pipeline.play();
    wait_for_video(&service, 1);
    let question: gst::Structure = "ask,prompt=\"What?\"".parse().expect("a structure");
    let serial: u64 = pipeline.sink.emit_by_name("ask-about", &[&question]);
    assert_ne!(serial, 0);
    let result = pipeline.wait_for_element("overshoot-result", WAIT);
    assert_eq!(result.get("ask-serial"), Ok(serial));
    assert_eq!(questions(&service).len(), 1);
    pipeline.stop();
}
