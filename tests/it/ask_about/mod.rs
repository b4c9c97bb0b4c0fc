// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions of the application (API v1): without `prompt` nothing else is asked, and `ask-about` names any time, several
//! cameras and pictures. The pictures contain a clock, so that the tests know which frames the service showed the model.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::Question;

use crate::common::clock::timestamp;
use crate::common::pipeline::PostedMessage;
use crate::common::{Pipeline, Service};

mod more;
mod v02;

const WAIT_TIMEOUT: Duration = Duration::from_secs(15);
pub const CLOCK: &str = "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! debugqroverlay name=clock pixel-size=4";

/// A pipeline whose element has no prompt.
fn pipeline(service: &Service, line: &str) -> Pipeline {
    let pipeline = Pipeline::new(service, line);
    pipeline.sink.set_property("prompt", "");
    pipeline
}

fn ask_about(pipeline: &Pipeline, structure: &str) -> u64 {
    let structure: gst::Structure = structure.parse().expect("a structure");
    pipeline.sink.emit_by_name("ask-about", &[&structure])
}

/// Asks, and waits for the answer.
fn answer(pipeline: &Pipeline, structure: &str) -> PostedMessage {
    let serial = ask_about(pipeline, structure);
    assert_ne!(serial, 0, "{structure}: {:?}", pipeline.failures());
    wait_for_answer(pipeline, serial)
}

fn wait_for_answer(pipeline: &Pipeline, serial: u64) -> PostedMessage {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let is_answer = |posted: &PostedMessage| posted.structure.get("ask-serial") == Ok(serial);
        if let Some(found) = pipeline.results().into_iter().find(is_answer) {
            return found;
        }
        assert!(Instant::now() < deadline, "no answer {serial}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn last_question(service: &Service) -> Question {
    let seen = service.control.snapshot();
    seen.questions.last().cloned().expect("a question")
}

/// The times that the first and the last frame show of which the emulator has read the code, for each stream.
pub fn shown(question: &Question) -> Vec<(gst::ClockTime, gst::ClockTime)> {
    let media = question.media.iter().map(|media| {
        let codes = media
            .frames
            .iter()
            .filter_map(|frame| frame.code.as_deref());
        let times: Vec<_> = codes.filter_map(timestamp).collect();
        let time = |ns: Option<&u64>| {
            let ns = ns.unwrap_or_else(|| panic!("no clock in {media:?}"));
            gst::ClockTime::from_nseconds(*ns)
        };
        (time(times.first()), time(times.last()))
    });
    media.collect()
}

pub fn assert_near(shown: gst::ClockTime, expected: gst::ClockTime, bound_ms: u64) {
    let bound = gst::ClockTime::from_mseconds(bound_ms);
    assert!(
        shown.absdiff(expected) <= bound,
        "{shown} is not {expected}"
    );
}

#[test]
fn without_a_prompt_only_the_application_asks() {
    let service = Service::of("v1", |_| {});
    let line = format!(
        "videotestsrc is-live=true pattern=red ! {CLOCK} ! overshootsink name=o interval-seconds=0.3"
    );
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    let info = pipeline.wait_for("an INFO", WAIT_TIMEOUT, |message| match message.view() {
        gst::MessageView::Info(info) => Some(info.error().message().to_owned()),
        _ => None,
    });
    assert!(info.contains("ask-about"), "{info}");
    let frames = |count: usize| {
        let enough = |seen: &overshoot_emulator::Snapshot| {
            seen.streams.first().is_some_and(|s| s.frames.len() > count)
        };
        service.wait("frames", enough).streams[0].frames.len()
    };
    // A second of video.
    let sent = frames(5);
    frames(sent + 5);
    assert!(service.control.snapshot().questions.is_empty());
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"Which colour?", &0u64, &0u64]);
    let posted = wait_for_answer(&pipeline, serial);
    assert!(posted.text().contains("red"), "{}", posted.text());
    assert_eq!(posted.structure.get("ok"), Ok(true));

    // No prompt is no change. A prompt starts the schedule.
    pipeline.sink.set_property("prompt", "");
    pipeline.sink.set_property("prompt", "What do you see?");
    service.wait("answers", |seen| seen.questions.len() >= 4);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_video_is_asked_about_after_its_end() {
    let service = Service::of("v1", |_| {});
    let line = format!(
        "videotestsrc num-buffers=120 pattern=white ! {CLOCK} ! overshootsink name=o target-fps=10 max-framerate=30/1"
    );
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    let start = Instant::now();
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let took = start.elapsed();
    // The video is 4 s long, and no answer is waited for.
    assert!(
        took < Duration::from_millis(5_500),
        "EOS came after {took:?}"
    );
    assert_eq!(
        pipeline.states().last().map(String::as_str),
        Some("streaming")
    );
    let ms = gst::ClockTime::from_mseconds;
    for (from, to) in [
        (1000, 2500),
        (0, 10_000),
        (3000, 3000),
        (500, 500),
        (2000, 2400),
    ] {
        let question =
            format!("ask,prompt=\"What?\",from=(guint64){from}000000,to=(guint64){to}000000");
        let posted = answer(&pipeline, &question);
        let (first, last) = shown(&last_question(&service))[0];
        println!("{from} to {to} ms: frames of {first} to {last}");
        // A clip has a frame each 100 ms. Its last one may be a step older than its end.
        assert_near(first, ms(from), 50);
        assert_near(last, ms(to.min(3967)), if from == to { 50 } else { 140 });
        let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
        assert_near(capture_time, ms(to.min(3967)), 50);
        let mode = if from == to { "frame" } else { "clip" };
        assert_eq!(posted.structure.get("mode"), Ok(mode));
    }
    // The newest frame, and half a second of the middle.
    answer(&pipeline, "ask,prompt=\"The end?\"");
    assert_near(shown(&last_question(&service))[0].1, ms(3967), 40);
    answer(
        &pipeline,
        "ask,prompt=\"The middle?\",window-ms=500,end-offset-ms=2000",
    );
    assert_near(shown(&last_question(&service))[0].0, ms(3967 - 2500), 60);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn the_end_waits_for_questions_that_were_asked() {
    let service = Service::of("v1", |config| {
        config.inference_latency = Duration::from_millis(900);
    });
    let line = format!("videotestsrc num-buffers=45 pattern=red ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 6)
    });
    let serial = ask_about(&pipeline, "ask,prompt=\"Which colour?\"");
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let mut results = pipeline.results().into_iter();
    let answered = results.find(|posted| posted.structure.get("ask-serial") == Ok(serial));
    assert!(
        answered
            .expect("answered before EOS")
            .text()
            .contains("red")
    );
    // The stream may be lost later.
    let id = service.control.snapshot().streams[0].id.clone();
    assert!(
        service
            .control
            .end_stream(&id, overshoot_emulator::EndReason::LeaseExpired)
    );
    let posted = answer(&pipeline, "ask,prompt=\"And now?\"");
    assert_eq!(posted.structure.get("ok"), Ok(false));
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_fix() {
    let service = Service::of("v1", |_| {});
    let line = format!("videotestsrc is-live=true ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    assert_eq!(ask_about(&pipeline, "ask,prompt=\"Too early?\""), 0);
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 5)
    });
    for (question, fix) in [
        (
            "ask,prompt=a,sinks=yard",
            "no overshootsink with the name yard",
        ),
        (
            "ask,prompt=a,sinks=clock",
            "no overshootsink with the name clock",
        ),
        (
            "ask,prompt=a,from=(guint64)90000000000",
            "a time that has passed",
        ),
        (
            "ask,prompt=a,from=(guint64)90000000000,to=(guint64)91000000000",
            "a time that has passed",
        ),
        ("ask,promt=a", "unknown field promt"),
        ("ask", "needs a prompt"),
    ] {
        let before = pipeline.failures().len();
        assert_eq!(ask_about(&pipeline, question), 0, "{question}");
        let failures = pipeline.failures();
        let [failure] = &failures[before..] else {
            panic!("{failures:?}")
        };
        assert!(
            !failure.fatal && failure.is(gst::ResourceError::Settings),
            "{failure:?}"
        );
        assert!(failure.text.contains(fix), "{failure:?} should say {fix}");
    }
    assert!(service.control.snapshot().questions.is_empty());
}
