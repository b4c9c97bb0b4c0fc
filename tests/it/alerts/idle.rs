// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `idle-timeout`: a still scene has no stream, and a change brings one back at once, with what was to be seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Config, Fault, Stream, Times};

use super::{WAIT, show, wait_for_answers};
use crate::common::{Pipeline, PostedMessage, Service};

pub const SOURCE: &str = "videotestsrc name=source is-live=true pattern=black \
    ! video/x-raw,width=320,height=240,framerate=30/1";
/// The shortest one. A scene is still again at once.
pub const SOON: &str = "idle-timeout=1000000000 ask-when=\"still,after=0,every=0\"";
pub const CLIPS: &str = "target-fps=10 clip-length-seconds=0.5 delay-seconds=0.5";
/// From a change to the answer about it.
pub const BACK_WITHIN: Duration = Duration::from_millis(1500);
pub const RED: &str = "red";

pub fn service() -> Service {
    Service::with(model_of_200_ms)
}

pub fn model_of_200_ms(config: &mut Config) {
    config.inference_latency = Duration::from_millis(200);
}

/// A pipeline whose stream is deleted soon, and the number of frames that a branch beside it got.
pub fn pipeline(service: &Service, properties: &str) -> (Pipeline, Arc<AtomicU64>) {
    let pipeline = Pipeline::new(
        service,
        &format!(
            "{SOURCE} ! tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false async=false \
             t. ! queue ! overshootsink name=o {SOON} {properties}"
        ),
    );
    let frames = Arc::<AtomicU64>::default();
    let count = frames.clone();
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    sibling.connect("handoff", false, move |_| {
        count.fetch_add(1, Relaxed);
        None
    });
    (pipeline, frames)
}

/// Waits until the state was `idle` this many times.
pub fn wait_until_idle(pipeline: &Pipeline, times: usize) {
    pipeline.wait_for("idle", WAIT, |_| {
        let states = pipeline.states();
        let idle = states.iter().filter(|state| *state == "idle").count();
        (idle >= times && states.last().is_some_and(|state| state == "idle")).then_some(())
    });
    let state = pipeline.sink.property_value("state");
    assert_eq!(state.serialize().expect("an enum"), "idle");
    assert_eq!(pipeline.sink.property::<Option<String>>("stream-id"), None);
}

/// The first answer after those so far.
pub fn next_answer(pipeline: &Pipeline, before: usize) -> PostedMessage {
    pipeline.wait_for("an answer", WAIT, |_| {
        let results = pipeline.results();
        results.into_iter().nth(before)
    })
}

pub fn is_red(rgb: [u8; 3]) -> bool {
    rgb[0] > 150 && rgb[1] < 80 && rgb[2] < 80
}

/// Whether the service sampled a red picture before the answer was sent.
pub fn sampled_red(stream: &Stream) -> bool {
    let answered = stream.answers.first().expect("an answer").at;
    let samples = stream.samples.iter().filter(|sample| sample.at < answered);
    let mut sampled = samples.map(|sample| sample.rtp_time);
    sampled.any(|time| {
        let mut frames = stream.frames.iter();
        frames.any(|frame| frame.rtp_time == time && is_red(frame.rgb))
    })
}

/// The percentile of sorted times.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}

/// A red picture for 300 ms wakes the stream: it is in the first answer, which comes in time. Many times.
fn comes_back(transport: &str, rounds: usize) {
    let service = service();
    let (pipeline, sibling) = pipeline(&service, &format!("{CLIPS} {transport}"));
    pipeline.play();
    let start = Instant::now();
    let mut late = Vec::new();
    for round in 1..=rounds {
        wait_until_idle(&pipeline, round);
        let streams = service.wait("the deletion", |seen| {
            seen.streams.iter().all(|stream| stream.ended.is_some())
        });
        assert_eq!(streams.streams.len(), round);
        service.assert_all_deleted();
        // Sometimes the red picture is gone before there is a stream.
        let is_slow = round % 3 == 0;
        if is_slow {
            let slow = Fault::Delay(Duration::from_millis(350));
            service.control.inject(Call::Create, slow, Times::Once);
        }
        let before = pipeline.results().len();
        let changed = Instant::now();
        show(&pipeline, RED);
        thread::sleep(Duration::from_millis(300));
        show(&pipeline, if round % 2 == 0 { "black" } else { "blue" });
        let answer = next_answer(&pipeline, before);
        let answered_after = answer.at - changed;
        assert!(answered_after < BACK_WITHIN, "{answered_after:?}");
        if !is_slow {
            late.push(answered_after);
        }
        let seen = service.control.snapshot();
        assert_eq!(seen.streams.len(), round + 1);
        let stream = &seen.streams[round];
        assert!(is_red(stream.frames[0].rgb), "{:?}", stream.frames[0]);
        assert!(sampled_red(stream), "{}", answer.text());
        // The red frames have the distances of the source.
        let red = stream.frames.iter().take_while(|frame| is_red(frame.rgb));
        let red: Vec<_> = red.map(|frame| frame.rtp_time).collect();
        for pair in red.windows(2) {
            let ms = (pair[1] - pair[0]) as f64 / 90.0;
            assert!((25.0..150.0).contains(&ms), "{ms} ms between frames");
        }
    }
    wait_until_idle(&pipeline, rounds + 1);
    let seconds = start.elapsed().as_secs_f64();
    let rate = sibling.load(Relaxed) as f64 / seconds;
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    pipeline.stop();
    service.assert_all_deleted();
    late.sort_unstable();
    println!(
        "{transport}: answers after {late:?}: p50 {:?}, p90 {:?}; sibling {rate:.1}/s",
        percentile(&late, 50),
        percentile(&late, 90)
    );
    assert!((28.0..32.0).contains(&rate), "{rate}");
    let failures = pipeline.failures();
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(stats.get::<u64>("reconnects"), Ok(0));
    let expected = ["connecting", "connecting", "streaming", "idle"].repeat(rounds + 1);
    let mut states = pipeline.states();
    assert_eq!(states.pop().as_deref(), Some("closed"));
    assert_eq!(states, expected);
}

#[test]
fn a_change_is_answered_in_time_and_not_lost() {
    comes_back("", 15);
}

#[test]
fn in_a_room_a_change_is_answered_in_time_and_not_lost() {
    comes_back("transport=livekit", 6);
}

#[test]
fn the_capture_time_is_that_of_the_frame_although_it_was_sent_later() {
    let service = service();
    let (pipeline, _) = pipeline(&service, "interval-seconds=0.2");
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    // The longer the connection takes, the later the frames are sent.
    let slow = Fault::Delay(Duration::from_millis(600));
    service.control.inject(Call::Create, slow, Times::Once);
    let before = pipeline.results().len();
    let running_time = || pipeline.sink.current_running_time().expect("it plays");
    let red = running_time();
    show(&pipeline, RED);
    thread::sleep(Duration::from_millis(400));
    let blue = running_time();
    show(&pipeline, "blue");
    wait_for_answers(&pipeline, 12);
    pipeline.stop();
    let mut colours = Vec::new();
    for result in &pipeline.results()[before..] {
        let at: gst::ClockTime = result.structure.get("capture-time").expect("a time");
        let text = result.text();
        let shows = |colour| text.contains(&format!("mostly {colour}"));
        colours.push((shows("red"), at));
        // A picture takes some time to be shown, and the service to sample it.
        let slack = gst::ClockTime::from_mseconds(120);
        match (shows("red"), shows("blue")) {
            (true, _) => assert!(at + slack > red && at < blue + slack, "{red} {blue} {at}"),
            (_, true) => assert!(at + slack > blue, "{blue} {at}"),
            _ => panic!("neither red nor blue: {text}"),
        }
    }
    let (first_is_red, first) = colours[0];
    assert!(first_is_red, "{colours:?}");
    assert!(
        first < red + gst::ClockTime::from_mseconds(250),
        "{red} {first}"
    );
    // It has caught up.
    let newest = pipeline.results().pop().expect("an answer").structure;
    let time = |field| newest.get::<gst::ClockTime>(field).expect("a time");
    let age = time("running-time") - time("capture-time");
    assert!(age < gst::ClockTime::from_mseconds(550), "{age}");
}

#[test]
fn a_still_scene_is_looked_at_once_in_a_while() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    let every: gst::Structure = "still,after=0,every=10".parse().expect("a structure");
    pipeline.sink.set_property("ask-when", every);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let (idle, before) = (Instant::now(), pipeline.results().len());
    wait_until_idle(&pipeline, 2);
    let waited = idle.elapsed();
    assert!((10.0..13.0).contains(&waited.as_secs_f64()), "{waited:?}");
    assert_eq!(pipeline.results().len(), before + 1, "one answer");
    pipeline.stop();
    let seen = service.control.snapshot();
    assert_eq!(seen.streams.len(), 2);
    let look = &seen.streams[1];
    let life = look.ended.expect("it was deleted").0 - look.created;
    assert!(life < Duration::from_secs(3), "{life:?}");
    service.assert_all_deleted();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn without_a_timeout_the_stream_stays() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.sink.set_property("idle-timeout", 0_u64);
    pipeline.play();
    wait_for_answers(&pipeline, 8);
    pipeline.stop();
    assert!(!pipeline.states().contains(&"idle".to_owned()));
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn another_prompt_is_answered_at_once() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let before = pipeline.results().len();
    pipeline.sink.set_property("prompt", "And now?");
    let answer = next_answer(&pipeline, before);
    assert_eq!(answer.structure.get("prompt"), Ok("And now?"));
    wait_until_idle(&pipeline, 2);
    pipeline.stop();
    assert_eq!(pipeline.results().len(), before + 1);
    service.assert_all_deleted();
}

#[test]
fn the_end_of_the_video_ends_idle_at_once() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let start = Instant::now();
    assert!(pipeline.pipeline.send_event(gst::event::Eos::new()));
    pipeline.wait_for_eos(WAIT);
    let took = start.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_change_just_before_the_end_is_answered() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let before = pipeline.results().len();
    show(&pipeline, RED);
    pipeline.wait_for("the way back", WAIT, |_| {
        let states = pipeline.states();
        (states.last().map(String::as_str) == Some("connecting")).then_some(())
    });
    assert!(pipeline.pipeline.send_event(gst::event::Eos::new()));
    pipeline.wait_for_eos(WAIT);
    pipeline.stop();
    assert!(pipeline.results().len() > before);
    let seen = service.control.snapshot();
    assert!(sampled_red(&seen.streams[1]));
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn pauses_and_seeks_do_not_disturb_idle() {
    let service = service();
    let source =
        "videotestsrc name=source pattern=black ! video/x-raw,width=320,height=240,framerate=30/1";
    let line = format!("{source} ! overshootsink name=o {SOON} {CLIPS}");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let position = || pipeline.pipeline.query_position::<gst::ClockTime>();
    for _ in 0..2 {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        let target = gst::ClockTime::from_seconds(20);
        pipeline
            .pipeline
            .seek_simple(flags, target)
            .expect("a seek");
        pipeline
            .pipeline
            .set_state(gst::State::Paused)
            .expect("it pauses");
        let (change, ..) = pipeline.pipeline.state(gst::ClockTime::from_seconds(5));
        change.expect("it prerolls");
        pipeline.play();
        let deadline = Instant::now() + WAIT;
        while position() < Some(target + gst::ClockTime::from_mseconds(500)) {
            assert!(Instant::now() < deadline, "the video stands still");
            thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(pipeline.states().last().map(String::as_str), Some("idle"));
    let before = pipeline.results().len();
    show(&pipeline, RED);
    next_answer(&pipeline, before);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    assert_eq!(service.control.snapshot().streams.len(), 2);
    service.assert_all_deleted();
}

#[test]
fn idle_time_costs_nothing() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    let budget: gst::Structure = "budget,seconds=6".parse().expect("a structure");
    pipeline.sink.set_property("budget", budget);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    // Longer than the budget. Now and then a request keeps the connection open.
    let seen = service.control.wait(Duration::from_secs(40), |seen| {
        seen.calls(Call::Health).count() == 1
    });
    seen.expect("a request");
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    let before = pipeline.results().len();
    show(&pipeline, RED);
    next_answer(&pipeline, before);
    pipeline.stop();
    let streams = service.control.snapshot().streams;
    let lives = streams
        .iter()
        .map(|s| s.ended.expect("deleted").0 - s.created);
    let lived: Duration = lives.sum();
    assert!(lived < Duration::from_secs(6), "{lived:?}");
}
