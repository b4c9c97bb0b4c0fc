// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `ask-when` with events: nothing is asked before an event, and each event is asked about. The pictures contain a clock,
//! so that the tests know which frames the service showed the model.

mod event;
mod event_streams;
mod meta;
mod v02;

use std::thread;
use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::Question;

use crate::ask_about::CLOCK;
use crate::common::{Pipeline, Service};

const WAIT: Duration = Duration::from_secs(20);

/// A pipeline with the clock, and these properties of the element and its pads.
fn pipeline(service: &Service, element: &str, ask_when: &str) -> Pipeline {
    let line = format!("videotestsrc is-live=true ! {CLOCK} ! overshootsink name=o {element}");
    let pipeline = Pipeline::new(service, &line);
    let ask_when: gst::Structure = ask_when.parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    pipeline
}

fn questions(service: &Service) -> Vec<Question> {
    service.control.snapshot().questions
}

/// Waits until the service has video of this length.
fn wait_for_video(service: &Service, seconds: u64) {
    service.wait("frames", |seen| {
        let stream = seen.streams.last();
        stream.is_some_and(|stream| stream.frames.len() > 3)
    });
    sleep(seconds * 1000);
}

/// Waits for this many questions in all.
fn wait_for_questions(service: &Service, count: usize) -> Vec<Question> {
    service.wait("questions", |seen| seen.questions.len() >= count);
    questions(service)
}

fn trigger(pipeline: &Pipeline) -> bool {
    pipeline.sink.emit_by_name("trigger", &[])
}

/// The running time now.
fn now(pipeline: &Pipeline) -> gst::ClockTime {
    pipeline.sink.current_running_time().expect("it plays")
}

fn sleep(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
