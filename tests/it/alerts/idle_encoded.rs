// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `idle-timeout` with video that is passed through: it is decoded to see changes, and what is sent after a change begins
//! with the key frame before it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Frame, Times};

use super::idle::{
    BACK_WITHIN, CLIPS, RED, SOON, SOURCE, is_red, next_answer, percentile, sampled_red, service,
    wait_until_idle,
};
use super::{WAIT, show};
use crate::common::{Pipeline, Service};

const VP8: &str =
    "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate=500000 ! video/x-vp8";

/// An encoder that makes a key frame each so many frames, of 30 a second.
fn h264(key_int_max: u32) -> String {
    format!(
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key_int_max} ! video/x-h264,profile=constrained-baseline"
    )
}

fn pipeline(service: &Service, encoder: &str) -> Pipeline {
    let line = format!("{SOURCE} ! {encoder} ! overshootsink name=o {SOON} {CLIPS}");
    Pipeline::new(service, &line)
}

/// Counts the red frames of the source.
fn count_red(pipeline: &Pipeline) -> Arc<AtomicUsize> {
    let source = pipeline.pipeline.by_name("source").expect("the source");
    let (pad, reds) = (source.static_pad("src").expect("a pad"), Arc::default());
    let count: Arc<AtomicUsize> = Arc::clone(&reds);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let buffer = info.buffer().expect("a buffer");
        let luma = buffer.map_readable().expect("readable")[0];
        // Red is 81, blue 41, black 16.
        count.fetch_add(usize::from(luma > 60), Relaxed);
        gst::PadProbeReturn::Ok
    });
    reds
}

fn red_of(frames: &[Frame]) -> Range<usize> {
    let start = frames.iter().position(|frame| is_red(frame.rgb));
    let start = start.unwrap_or(frames.len());
    let reds = frames[start..].iter().take_while(|frame| is_red(frame.rgb));
    start..start + reds.count()
}

/// The encoder makes a key frame now.
fn make_key_frame(pipeline: &Pipeline) {
    let pad: gst::Pad = pipeline.sink.static_pad("sink").expect("a pad");
    let event = gst_video::UpstreamForceKeyUnitEvent::builder();
    assert!(pad.push_event(event.all_headers(true).build()));
}

fn passes_through(pipeline: &Pipeline) -> bool {
    let stats: gst::Structure = pipeline.sink.property("stats");
    stats.get("passthrough") == Ok(true)
}

/// A red picture for 300 ms, at each place in a group of pictures: it is in what the service samples, and the first answer
/// comes in time.
fn comes_back(encoder: &str, rounds: usize) {
    let service = service();
    let pipeline = pipeline(&service, encoder);
    let reds = count_red(&pipeline);
    pipeline.play();
    let mut late = Vec::new();
    for round in 1..=rounds {
        wait_until_idle(&pipeline, round);
        service.wait("the deletion", |seen| {
            seen.streams.iter().all(|stream| stream.ended.is_some())
        });
        // At another place of the group of pictures each time, of which the change before is no part.
        make_key_frame(&pipeline);
        thread::sleep(Duration::from_millis(570 * round as u64));
        assert_eq!(service.control.snapshot().streams.len(), round);
        service.assert_all_deleted();
        let before = pipeline.results().len();
        reds.store(0, Relaxed);
        let changed = Instant::now();
        show(&pipeline, RED);
        thread::sleep(Duration::from_millis(300));
        show(&pipeline, if round % 2 == 0 { "black" } else { "blue" });
        next_answer(&pipeline, before);
        assert!(passes_through(&pipeline));
        // The answer may come before the last red frame.
        let seen = service.wait("the frames after it", |seen| {
            let frames = seen.streams.get(round).map(|stream| &stream.frames);
            frames.is_some_and(|frames| red_of(frames).end < frames.len())
        });
        assert_eq!(seen.streams.len(), round + 1);
        let stream = &seen.streams[round];
        let red = red_of(&stream.frames);
        let (lead, red) = (&stream.frames[..red.start], &stream.frames[red]);
        let is_red_frame = |time| red.iter().any(|frame| frame.rtp_time == time);
        let mut samples = stream.samples.iter();
        let sample = samples.find(|sample| is_red_frame(sample.rtp_time));
        let sampled = sample.expect("a red picture that was sampled").at;
        let answer = pipeline.wait_for("the answer about it", WAIT, |_| {
            let results = pipeline.results().into_iter().skip(before);
            results.into_iter().find(|result| result.at > sampled)
        });
        late.push(answer.at - changed);
        // The red frames have the distances of the source, and those before it none.
        let red: Vec<_> = red.iter().map(|frame| frame.rtp_time).collect();
        let distances = stream.frames.windows(2).map(|pair| {
            let ms = (pair[1].rtp_time - pair[0].rtp_time) / 90;
            (ms, is_red(pair[1].rgb))
        });
        let distances: Vec<_> = distances.collect();
        let sent = reds.load(Relaxed);
        assert_eq!(red.len(), sent, "all frames of the change: {distances:?}");
        for pair in red.windows(2) {
            let ms = pair[1].wrapping_sub(pair[0]) as f64 / 90.0;
            assert!((15.0..120.0).contains(&ms), "{ms} ms between frames");
        }
        if let Some(first) = lead.first() {
            let ms = red[0].wrapping_sub(first.rtp_time) as f64 / 90.0;
            assert!(ms < 2.0 * lead.len() as f64 + 200.0, "{ms} ms before");
        }
    }
    wait_until_idle(&pipeline, rounds + 1);
    pipeline.stop();
    service.assert_all_deleted();
    late.sort_unstable();
    println!(
        "{encoder}: answers after {late:?}: p50 {:?}, p90 {:?}",
        percentile(&late, 50),
        percentile(&late, 90)
    );
    assert!(late.iter().all(|late| *late < BACK_WITHIN), "{late:?}");
    let failures = pipeline.failures();
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn a_change_of_h264_with_key_frames_each_second_is_answered_in_time_and_not_lost() {
    comes_back(&h264(30), 6);
}

#[test]
fn a_change_of_h264_with_few_key_frames_is_answered_in_time_and_not_lost() {
    comes_back(&h264(300), 6);
}

#[test]
fn a_change_of_vp8_is_answered_in_time_and_not_lost() {
    comes_back(VP8, 4);
}

#[test]
fn without_a_change_encoded_video_has_no_stream() {
    let service = service();
    let pipeline = pipeline(&service, &h264(30));
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    service.wait("the deletion", |seen| seen.streams[0].ended.is_some());
    let answers = pipeline.results().len();
    // Several key frames, of which each shows the picture a little differently.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(service.control.snapshot().streams.len(), 1);
    assert_eq!(pipeline.results().len(), answers);
    assert_eq!(pipeline.states().last().map(String::as_str), Some("idle"));
    let took = pipeline.stop();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let messages = pipeline.messages();
    let mut types = messages.iter().map(|(_, message)| message.type_());
    assert!(
        !types.any(|it| it == gst::MessageType::Info),
        "{messages:?}"
    );
    service.assert_all_deleted();
}

#[test]
fn encoded_frames_wait_for_a_second_connection_if_the_first_is_lost() {
    let service = service();
    let pipeline = pipeline(&service, &h264(300));
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let fault = Fault::status(503);
    service.control.inject(Call::Create, fault, Times::Once);
    let before = pipeline.results().len();
    show(&pipeline, RED);
    thread::sleep(Duration::from_millis(300));
    show(&pipeline, "blue");
    next_answer(&pipeline, before);
    assert!(passes_through(&pipeline));
    assert!(sampled_red(&service.control.snapshot().streams[1]));
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn it_stops_while_encoded_frames_wait_or_are_sent() {
    let service = service();
    let pipeline = pipeline(&service, &h264(300));
    for moment in ["asking", "sending"] {
        let streams = service.control.snapshot().streams.len();
        show(&pipeline, "black");
        pipeline.play();
        let idle = pipeline.states().iter().filter(|it| *it == "idle").count();
        wait_until_idle(&pipeline, idle + 1);
        if moment == "asking" {
            let slow = Fault::Delay(Duration::from_millis(400));
            service.control.inject(Call::Create, slow, Times::Once);
        }
        let creates = service.control.snapshot().calls(Call::Create).count();
        show(&pipeline, RED);
        service.wait(moment, |seen| match moment {
            "asking" => seen.calls(Call::Create).count() > creates,
            _ => seen
                .streams
                .get(streams + 1)
                .is_some_and(|it| it.received > 0),
        });
        let took = pipeline.stop();
        assert!(took < Duration::from_secs(3), "{moment}: {took:?}");
        let failures = pipeline.failures();
        assert!(failures.is_empty(), "{moment}: {failures:?}");
        service.assert_all_deleted();
    }
}
