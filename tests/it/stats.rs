// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `stats`: its values agree with what happened.

use std::time::{Duration, Instant};

use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::EndReason;

const SOURCE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=320,height=240,framerate=30/1";

fn stats(pipeline: &Pipeline) -> gst::Structure {
    pipeline.sink.property("stats")
}

/// Reads the property until `select` returns a value, and returns the value.
fn wait<T>(pipeline: &Pipeline, select: impl Fn(&gst::StructureRef) -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let stats = stats(pipeline);
        if let Some(found) = select(&stats) {
            return found;
        }
        assert!(Instant::now() < deadline, "{stats}");
        // The property emits no notify signal, so the test polls it.
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn they_agree_with_the_service() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o delay-seconds=0.1"),
    );
    pipeline
        .pipeline
        .iterate_sources()
        .into_iter()
        .flatten()
        .for_each(|source| source.set_property("num-buffers", 150));
    let start = Instant::now();
    pipeline.play();
    let rtt: f64 = wait(&pipeline, |stats| stats.get("rtt-ms").ok());
    pipeline.wait_for_eos(Duration::from_secs(30));
    let stats = stats(&pipeline);
    let (stream, elapsed) = (service.stream(), start.elapsed());
    println!("{stats}");

    let number = |name: &str| stats.get::<u64>(name).expect(name);
    assert_eq!(number("frames-sent"), number("frames-encoded"));
    assert_eq!(number("packets-sent"), stream.packets);
    // SRTP adds a tag of 10 or 16 bytes to each packet.
    let tag_bytes = stream.bytes - number("bytes-sent");
    assert!(
        (10..=16).contains(&(tag_bytes / stream.packets)),
        "{tag_bytes}"
    );
    assert_eq!(number("answers"), stream.answers.len() as u64);
    assert_eq!(number("reconnects"), 0);
    assert_eq!(stats.get::<&str>("encoder"), Ok("x264enc"));
    assert_eq!(stats.get::<bool>("passthrough"), Ok(false));
    assert_eq!(stats.get::<u32>("bitrate-target"), Ok(2_000_000));
    let average = stream.bytes * 8 / 5;
    let bitrate = number("bitrate");
    assert!(
        (average / 4..average * 4).contains(&bitrate),
        "{bitrate}, average {average}"
    );

    let ms = |name: &str| stats.get::<f64>(name).expect(name);
    let order = [
        0.0,
        ms("connect-ms"),
        ms("first-frame-ms"),
        ms("first-answer-ms"),
        elapsed.as_secs_f64() * 1000.0,
    ];
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    assert!(ms("answer-latency-p50-ms") <= ms("answer-latency-p95-ms"));
    assert!(rtt > 0.0 && rtt < 500.0, "{rtt}");
    assert_eq!(stats.get::<i64>("packets-lost"), Ok(0));
    assert_eq!(
        stats.get::<u32>("plis").ok().map(u64::from),
        Some(u64::from(stream.keyframe_requests))
    );
    for end in ["ice-local", "ice-remote"] {
        let candidate = stats.get::<&str>(end).expect(end);
        assert!(candidate.starts_with("udp host 127.0.0.1:"), "{candidate}");
    }
    assert_ne!(
        stats.get::<&str>("ice-local"),
        stats.get::<&str>("ice-remote")
    );
}

#[test]
fn lost_packets_are_counted() {
    let service = Service::with(|config| config.lose_every = 10);
    let pipeline = Pipeline::new(&service, &format!("{SOURCE} ! overshootsink name=o"));
    pipeline.play();
    let nacks = wait(&pipeline, |stats| {
        stats.get::<u32>("nacks").ok().filter(|nacks| *nacks > 0)
    });
    println!("{nacks} packets were requested again");
}

#[test]
fn a_new_bitrate_is_shown() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{SOURCE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.sink.set_property("bitrate", 300_000u32);
    wait(&pipeline, |stats| {
        (stats.get("bitrate-target") == Ok(300_000u32)).then_some(())
    });
}

#[test]
fn a_reconnection_is_counted_and_replaces_the_old_connection() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{SOURCE} ! overshootsink name=o"));
    pipeline.play();
    let before: String = wait(&pipeline, |stats| stats.get("ice-remote").ok());
    let sent: u64 = wait(&pipeline, |stats| stats.get("frames-sent").ok());
    assert!(
        service
            .control
            .end_stream(&service.stream().id, EndReason::WebrtcDisconnected)
    );
    let after = wait(&pipeline, |stats| {
        let remote = stats.get::<String>("ice-remote").ok()?;
        (stats.get("reconnects") == Ok(1u64) && remote != before).then_some(remote)
    });
    println!("{before}, then {after}");
    // The counters continue.
    wait(&pipeline, |stats| {
        stats
            .get::<u64>("frames-sent")
            .ok()
            .filter(|now| *now > sent)
    });
}

/// Before anything was sent, there are only counters. No secret is ever shown.
#[test]
fn unknown_values_are_absent_before_the_start() {
    const PASSWORD: &str = "turn-pass-77aa";
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{SOURCE} ! overshootsink name=o"));
    let server = format!("turn://someone:{PASSWORD}@127.0.0.1:9?transport=udp");
    pipeline
        .sink
        .set_property("turn-servers", gst::Array::new([server]));
    for field in [
        "connect-ms",
        "encoder",
        "rtt-ms",
        "bitrate",
        "credits-cents",
    ] {
        assert!(!stats(&pipeline).has_field(field), "{field}");
    }
    pipeline.play();
    wait(&pipeline, |stats| {
        stats.has_field("ice-local").then_some(())
    });
    let text = stats(&pipeline).to_string();
    assert!(!text.contains(KEY) && !text.contains(PASSWORD), "{text}");
}

#[test]
fn the_frames_on_the_service_are_counted() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o max-framerate=15/1"),
    );
    pipeline.play();
    // The first report comes with the first frame, the next one ten seconds later.
    let (fps, retained) = wait(&pipeline, |stats| {
        let retained = stats.get::<u64>("frames-retained").ok()?;
        (retained > 50).then_some((stats.get::<f64>("recent-fps").ok()?, retained))
    });
    let stats = stats(&pipeline);
    assert!((12.0..18.0).contains(&fps), "{stats}");
    assert!(retained <= stats.get::<u64>("frames-sent").expect("a number"));
    assert_eq!(stats.get("frames-evicted"), Ok(0_u64));
    pipeline.stop();
}
