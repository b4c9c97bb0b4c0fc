// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Live video: how soon it flows, how much of it arrives, and how soon answers are on the bus.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;

const SOURCE: &str = "videotestsrc is-live=true num-buffers=300 pattern=ball \
    ! video/x-raw,width=640,height=360,framerate=30/1";

#[test]
fn frames_arrive_and_answers_come_back_at_once() {
    let service = Service::start();
    // The test needs many answers, here twenty per second: with fewer, the 99th percentile would be the maximum.
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o delay-seconds=0.05"),
    );
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));

    let stream = service.stream();
    println!("{} of 300 frames decoded", stream.frames.len());
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    println!("{stats}");
    // Every frame arrives that came after the connection was there.
    let connect_ms = stats.get::<f64>("connect-ms").expect("connected");
    let expected = 300.0 - connect_ms / 1000.0 * 30.0;
    assert!(stream.frames.len() as f64 > expected - 5.0, "{stats}");
    assert!(
        stream
            .frames
            .iter()
            .all(|f| (f.width, f.height) == (640, 360))
    );

    // Every answer arrives, once and in order.
    let results = pipeline.results();
    let posted: Vec<_> = results.iter().map(|result| result.json()).collect();
    let sent: Vec<_> = stream.answers.iter().map(|a| a.text.clone()).collect();
    assert!(sent.len() > 150, "{} answers", sent.len());
    assert_eq!(posted, sent);

    let mut delays: Vec<Duration> = results
        .iter()
        .zip(&stream.answers)
        .map(|(result, answer)| result.at.saturating_duration_since(answer.at))
        .collect();
    delays.sort();
    let (p50, p99) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    println!("from the socket to the bus: p50 {p50:?}, p99 {p99:?}");
    assert!(p99 < Duration::from_millis(5), "{p99:?}");
    service.assert_all_deleted();
}

#[test]
fn the_first_frame_arrives_within_a_second() {
    let service = Service::start();
    // The first start in a process loads plugins. Users experience that, so it is measured, too.
    for run in 0..3 {
        let pipeline = Pipeline::new(&service, &format!("{SOURCE} ! overshootsink name=o"));
        let start = Instant::now();
        pipeline.play();
        let seen = service.wait("a frame", |seen| {
            seen.streams
                .get(run)
                .is_some_and(|stream| !stream.frames.is_empty())
        });
        let elapsed = seen.streams[run].frames[0].at - start;
        println!("PLAYING to the first decoded frame: {elapsed:?}");
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
        pipeline.stop();
    }
    service.assert_all_deleted();
}

#[test]
fn live_input_is_neither_delayed_nor_queued() {
    let service = Service::start();
    // The service needs a second to respond. In this time the second branch must not be delayed.
    service.control.inject(
        overshoot_emulator::Call::Create,
        overshoot_emulator::Fault::Delay(Duration::from_secs(1)),
        overshoot_emulator::Times::Once,
    );
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true num-buffers=60 ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false \
         t. ! queue ! overshootsink name=o",
    );
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    let times = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let recorded = times.clone();
    sibling.connect("handoff", false, move |_| {
        recorded.lock().expect("no panic").push(Instant::now());
        None
    });
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    let times = times.lock().expect("no panic").clone();
    assert_eq!(times.len(), 60);
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    println!("longest gap in the second branch: {longest:?}");
    assert!(longest < Some(Duration::from_millis(150)), "{longest:?}");
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    let unconnected = stats
        .get::<u64>("frames-dropped-unconnected")
        .expect("counted");
    assert!(unconnected >= 25, "{stats}");
    // Those that came before the connection was there, and no others: one of them is kept and sent.
    let connect_ms = stats.get::<f64>("connect-ms").expect("connected");
    let expected = connect_ms / 1000.0 * 30.0;
    assert!((unconnected as f64 - expected).abs() < 5.0, "{stats}");
    assert_eq!(stats.get::<u64>("frames-in"), Ok(60));
}

#[test]
fn a_live_source_that_starts_late_is_still_live() {
    let service = Service::start();
    // In frame mode the session needs no caps, so it connects before the first frame, which `identity` holds back. If
    // the element did not treat the input as live, the latency of the queue would delay it.
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! identity name=late drop-probability=1 ! queue min-threshold-time=500000000 max-size-buffers=0 \
         ! overshootsink name=o interval-seconds=0.2",
    );
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    assert_eq!(service.stream().frames.len(), 0);
    let late = pipeline.pipeline.by_name("late").expect("it is there");
    late.set_property("drop-probability", 0f32);
    service.wait("frames", |seen| seen.streams[0].frames.len() > 30);
    let sink = pipeline
        .sink
        .downcast_ref::<gst::Bin>()
        .and_then(|bin| bin.by_name("frames"))
        .expect("the inner sink");
    assert!(!sink.property::<bool>("sync"), "live input is not paced");
    pipeline.stop();
    service.assert_all_deleted();
}
