// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The age of a frame when the remote peer has decoded it. If the encoder or the network is slow, the newest frame is
//! sent and a second branch is not delayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::common::clock::percentile;
use crate::common::{Clock, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::Stream;

/// The time from frame to frame at 30 frames per second.
const FRAME_INTERVAL: Duration = Duration::from_micros(33_333);

fn source(size: &str, frames: u32) -> String {
    format!(
        "videotestsrc is-live=true num-buffers={frames} pattern=ball background-color=0xffffffff \
         ! video/x-raw,format=I420,{size},framerate=30/1 ! debugqroverlay name=clock pixel-size=4"
    )
}

fn service() -> Service {
    Service::with(|config| config.read_every_frame = true)
}

/// For each frame, when the remote peer had decoded it, and how long after its capture.
fn delays(stream: &Stream, clock: &Clock) -> Vec<(Instant, Duration)> {
    stream
        .frames
        .iter()
        .filter_map(|frame| {
            let captured = clock.frame_of_last_code(frame.code.as_deref()?).passed_at;
            Some((frame.at, frame.at - captured))
        })
        .collect()
}

/// Counts the frames of the second branch, which is [`SIBLING`].
fn count_sibling(pipeline: &Pipeline) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    sibling.connect("handoff", false, move |_| {
        counted.fetch_add(1, Relaxed);
        None
    });
    count
}

/// The second branch, and the start of the element's branch.
const SIBLING: &str =
    "tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false t. ! queue";

#[test]
fn a_frame_arrives_within_one_frame_interval() {
    for size in ["width=640,height=360", "width=1280,height=720"] {
        let service = service();
        let line = format!("{} ! overshootsink name=o", source(size, 150));
        let pipeline = Pipeline::new(&service, &line);
        let clock = Clock::attach(&pipeline.pipeline);
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(20));
        let delays = delays(&service.stream(), &clock);
        assert!(delays.len() > 120, "{} codes were read", delays.len());
        // The first frame waited for the connection.
        let mut delays: Vec<_> = delays[1..].iter().map(|(_, delay)| *delay).collect();
        let [p50, p95] = [50, 95].map(|percent| percentile(&mut delays, percent));
        println!("{size}: from the capture to the remote peer p50 {p50:?}, p95 {p95:?}");
        // If one more frame waited anywhere, each delay would be longer by an interval.
        assert!(p50 < FRAME_INTERVAL, "{size}: {p50:?}");
    }
}

#[test]
fn a_slow_encoder_gets_the_newest_frame() {
    const ENCODING_TIME: Duration = Duration::from_millis(200);
    let service = service();
    let source = source("width=320,height=240", 150);
    let line = format!("{source} ! {SIBLING} ! overshootsink name=o");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    let sibling = count_sibling(&pipeline);
    pipeline.sink.connect("encoder-setup", false, |values| {
        let encoder = values[3].get::<gst::Element>().expect("an encoder");
        let pad = encoder.static_pad("sink").expect("a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, |_, _| {
            std::thread::sleep(ENCODING_TIME);
            gst::PadProbeReturn::Ok
        });
        Some(false.to_value())
    });
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    let delays = delays(&service.stream(), &clock);
    let mut delays: Vec<_> = delays[1..].iter().map(|(_, delay)| *delay).collect();
    assert!(delays.len() > 15, "{} frames", delays.len());
    let [p50, max] = [50, 100].map(|percent| percentile(&mut delays, percent));
    println!("an encoder that takes {ENCODING_TIME:?}: p50 {p50:?}, max {max:?}");
    assert!(max < 2 * ENCODING_TIME + FRAME_INTERVAL, "{max:?}");
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    let busy = stats.get::<u64>("frames-dropped-busy").expect("counted");
    assert!(busy > 90, "{stats}");
    assert_eq!(sibling.load(Relaxed), 150);
}

#[test]
fn a_stalled_remote_peer_delays_nothing() {
    const STALL_TIME: Duration = Duration::from_secs(2);
    let service = service();
    let source = source("width=320,height=240", 180);
    let line = format!("{source} ! {SIBLING} ! overshootsink name=o");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    let sibling = count_sibling(&pipeline);
    pipeline.play();
    service.wait("video", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.frames.len() > 30)
    });
    let (before, start) = (sibling.load(Relaxed), Instant::now());
    assert!(
        service
            .control
            .stall_media(&service.stream().id, STALL_TIME)
    );
    std::thread::sleep(STALL_TIME);
    let during = sibling.load(Relaxed) - before;
    assert!(
        during.abs_diff(60) < 8,
        "{during} frames in the second branch in two seconds"
    );
    pipeline.wait_for_eos(Duration::from_secs(20));
    assert_eq!(sibling.load(Relaxed), 180);
    assert_eq!(
        pipeline
            .states()
            .iter()
            .filter(|s| *s == "streaming")
            .count(),
        1
    );
    // The frames that were sent during the stall are old. After them, new frames arrive without additional delay.
    let after_stall = start + STALL_TIME + Duration::from_secs(1);
    let delays = delays(&service.stream(), &clock);
    let mut delays_after: Vec<_> = (delays.iter().filter(|(at, _)| *at > after_stall))
        .map(|(_, delay)| *delay)
        .collect();
    assert!(
        delays_after.len() > 20,
        "{} frames after the stall",
        delays_after.len()
    );
    let p50 = percentile(&mut delays_after, 50);
    println!("after a stall of {STALL_TIME:?}: p50 {p50:?}");
    assert!(p50 < 2 * FRAME_INTERVAL, "{p50:?}");
}
