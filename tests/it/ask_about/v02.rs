// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v0.2: a question is about the clip of an earlier answer.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{CLOCK, WAIT_TIMEOUT, answer, assert_near, pipeline};
use crate::common::clock::timestamp;
use crate::common::pipeline::PostedMessage;
use crate::common::{Pipeline, Service};

#[test]
fn v02_needs_a_prompt() {
    let service = Service::start();
    let line = format!("videotestsrc is-live=true ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
    assert!(failure.text.contains("prompt is empty"), "{failure:?}");
    assert!(service.control.snapshot().requests.is_empty());
}

#[test]
fn on_v02_the_clip_of_an_answer_is_asked_about() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true pattern=white ! {CLOCK} ! overshootsink name=o prompt=Colour delay-seconds=1.5"
    );
    let pipeline = Pipeline::new(&service, &line);
    let early = {
        pipeline.play();
        pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
        answer(&pipeline, "ask,prompt=\"Too early?\"")
    };
    let error: String = early.structure.get("error").expect("an error");
    assert!(error.contains("ask after an answer"), "{error}");
    let is_old = |posted: &PostedMessage| posted.at.elapsed() > Duration::from_secs(3);
    let deadline = Instant::now() + WAIT_TIMEOUT;
    let is_answer = |posted: &&PostedMessage| posted.structure.get("ok") == Ok(true);
    while !pipeline.results().iter().filter(is_answer).any(is_old) {
        assert!(Instant::now() < deadline, "no answers");
        std::thread::sleep(Duration::from_millis(50));
    }
    for (question, age_ms) in [
        ("ask,prompt=\"And now?\"", 0),
        ("ask,prompt=\"And before?\",end-offset-ms=1500", 1500),
    ] {
        let now = pipeline.sink.current_running_time().expect("it plays");
        let posted = answer(&pipeline, question);
        let about = gst::ClockTime::from_nseconds(timestamp(&posted.text()).expect("a clock"));
        let then = now - gst::ClockTime::from_mseconds(age_ms);
        assert_near(about, then, 1_600);
        let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
        assert_near(capture_time, about, 200);
        let json: serde_json::Value = serde_json::from_str(&posted.json()).expect("JSON");
        assert_eq!(
            json["ask_serial"],
            posted.structure.get::<u64>("ask-serial").expect("a number")
        );
    }
    let posted = answer(
        &pipeline,
        "ask,prompt=\"Which colour?\",output-schema=\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":{\\\"colour\\\":{\\\"type\\\":\\\"string\\\"}}}\"",
    );
    let json: serde_json::Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert!(json["colour"].is_string(), "{json}");
    for refused in ["still=true", "system-prompt=Short."] {
        let posted = answer(&pipeline, &format!("ask,prompt=a,{refused}"));
        let error: String = posted.structure.get("error").expect("an error");
        assert!(error.contains("need API v1"), "{error}");
    }
    let posted = answer(&pipeline, "ask,prompt=a,model=none/such");
    let error: String = posted.structure.get("error").expect("an error");
    assert!(error.contains("none/such"), "{error}");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}
