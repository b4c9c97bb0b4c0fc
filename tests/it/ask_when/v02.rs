// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events on API v0.2: there is a stream only around them, and only its answers about them are passed on.

use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

use super::{WAIT, now, sleep, trigger};
use crate::alerts::idle::{
    BACK_WITHIN, RED, SOURCE, is_red, model_of_200_ms, next_answer, percentile, wait_until_idle,
};
use crate::alerts::show;
use crate::common::{Pipeline, PostedMessage, Service};

const CLIPS: &str = "target-fps=10 clip-length-seconds=0.5 delay-seconds=0.5";
const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 ! video/x-h264,profile=constrained-baseline !";

fn service() -> Service {
    Service::with(model_of_200_ms)
}

fn pipeline(service: &Service, encoder: &str, element: &str, ask_when: &str) -> Pipeline {
    let line = format!("{SOURCE} ! {encoder} overshootsink name=o {CLIPS} {element}");
    let pipeline = Pipeline::new(service, &line);
    let ask_when: gst::Structure = ask_when.parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    pipeline
}

fn capture_time(answer: &PostedMessage) -> gst::ClockTime {
    answer.structure.get("capture-time").expect("a time")
}

/// These answers are about this time. Their `capture-time` is an estimate.
fn assert_within(answers: &[PostedMessage], from: gst::ClockTime, to: gst::ClockTime) {
    let slack = gst::ClockTime::from_mseconds(200);
    for answer in answers {
        let at = capture_time(answer);
        let is_within = at + slack >= from && at <= to + slack;
        assert!(
            is_within,
            "{at} is not in {from} to {to}: {}",
            answer.text()
        );
    }
}

/// A red picture is gone before the event, and is asked about.
fn asks_about_the_time_before(encoder: &str) {
    let service = service();
    let pipeline = pipeline(&service, encoder, "", "event,before=1.5,after=1");
    pipeline.play();
    for round in 1..=2 {
        wait_until_idle(&pipeline, round);
        service.wait("the deletion", |seen| {
            seen.streams.iter().all(|stream| stream.ended.is_some())
        });
        let before = pipeline.results().len();
        if round == 1 {
            assert_eq!(before, 0, "nothing has happened");
        }
        // A change is no event.
        sleep(1500);
        show(&pipeline, RED);
        sleep(400);
        show(&pipeline, "blue");
        sleep(600);
        assert_eq!(service.control.snapshot().streams.len(), round);
        let event = now(&pipeline);
        assert!(trigger(&pipeline));
        wait_until_idle(&pipeline, round + 1);
        let ms = gst::ClockTime::from_mseconds;
        let answers = &pipeline.results()[before..];
        assert!(answers.len() >= 2, "{}", answers.len());
        assert_within(answers, event.saturating_sub(ms(1500)), event + ms(1000));
        let oldest = capture_time(&answers[0]);
        assert!(oldest < event, "{oldest} {event}");
        let newest = capture_time(answers.last().expect("answers"));
        assert!(newest + ms(200) >= event, "{newest} {event}");
        let seen = service.control.snapshot();
        assert_eq!(seen.streams.len(), round + 1);
        let stream = &seen.streams[round];
        let mut reds = stream.frames.iter().filter(|frame| is_red(frame.rgb));
        let is_sampled = |time| stream.samples.iter().any(|it| it.rtp_time == time);
        assert!(
            reds.any(|frame| is_sampled(frame.rtp_time)),
            "round {round}"
        );
    }
    let stats: gst::Structure = pipeline.sink.property("stats");
    assert_eq!(stats.get("passthrough"), Ok(!encoder.is_empty()), "{stats}");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn raw_video_before_an_event_is_asked_about() {
    asks_about_the_time_before("");
}

#[test]
fn encoded_video_before_an_event_is_asked_about() {
    asks_about_the_time_before(H264);
}

#[test]
fn an_event_is_answered_in_time() {
    let service = service();
    let pipeline = pipeline(&service, "", "", "event,before=0,after=0");
    pipeline.play();
    let mut late = Vec::new();
    for round in 1..=6 {
        wait_until_idle(&pipeline, round);
        let (before, at) = (pipeline.results().len(), Instant::now());
        let event = now(&pipeline);
        show(&pipeline, RED);
        assert!(trigger(&pipeline));
        let answer = next_answer(&pipeline, before);
        late.push(answer.at - at);
        show(&pipeline, "black");
        assert!(capture_time(&answer) >= event, "the event is in it");
        assert_eq!(pipeline.results().len(), before + 1, "{round}");
    }
    pipeline.stop();
    late.sort_unstable();
    println!(
        "answers after {late:?}: p50 {:?}, p90 {:?}",
        percentile(&late, 50),
        percentile(&late, 90)
    );
    assert!(late.iter().all(|late| *late < BACK_WITHIN), "{late:?}");
    service.assert_all_deleted();
}

#[test]
fn an_event_before_the_first_stream_and_one_before_the_end_are_answered() {
    let service = service();
    let slow = Fault::Delay(Duration::from_millis(600));
    service.control.inject(Call::Create, slow, Times::Once);
    let pipeline = pipeline(&service, "", "", "event,before=0,after=0");
    show(&pipeline, RED);
    pipeline.play();
    pipeline.wait_for("video", WAIT, |_| {
        let stats: gst::Structure = pipeline.sink.property("stats");
        (stats.get::<u64>("frames-in").unwrap_or_default() > 3).then_some(())
    });
    assert!(trigger(&pipeline));
    sleep(200);
    show(&pipeline, "blue");
    let answer = next_answer(&pipeline, 0);
    let stream = service.stream();
    assert!(is_red(stream.frames[0].rgb), "{}", answer.text());
    wait_until_idle(&pipeline, 1);
    let before = pipeline.results().len();
    show(&pipeline, RED);
    assert!(trigger(&pipeline));
    thread::sleep(Duration::from_millis(100));
    assert!(pipeline.pipeline.send_event(gst::event::Eos::new()));
    pipeline.wait_for_eos(WAIT);
    pipeline.stop();
    assert!(pipeline.results().len() > before);
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_stream_that_stays_passes_on_only_answers_about_events() {
    let service = service();
    let pipeline = pipeline(&service, "", "idle-timeout=0", "event,before=0,after=1");
    pipeline.play();
    service.wait("answers", |seen| {
        seen.streams.iter().any(|stream| stream.answers.len() >= 3)
    });
    assert_eq!(pipeline.results().len(), 0);
    let event = now(&pipeline);
    assert!(trigger(&pipeline));
    next_answer(&pipeline, 0);
    let answers = service.stream().answers.len();
    service.wait("answers after it", |seen| {
        seen.streams[0].answers.len() >= answers + 5
    });
    let results = pipeline.results();
    assert!((1..=4).contains(&results.len()), "{}", results.len());
    assert_within(&results, event, event + gst::ClockTime::SECOND);
    pipeline.stop();
    assert!(!pipeline.states().contains(&"idle".to_owned()));
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn a_changed_prompt_waits_for_the_next_event() {
    let service = service();
    let pipeline = pipeline(&service, "", "", "event,before=0,after=0");
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    pipeline.sink.set_property("prompt", "And now?");
    sleep(1500);
    assert_eq!(service.control.snapshot().streams.len(), 1);
    assert!(trigger(&pipeline));
    let answer = next_answer(&pipeline, 0);
    assert_eq!(answer.structure.get("prompt"), Ok("And now?"));
    wait_until_idle(&pipeline, 2);
    pipeline.stop();
    service.assert_all_deleted();
}
