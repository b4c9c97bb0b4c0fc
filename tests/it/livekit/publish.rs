// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Publishing video in a room: the frames arrive complete, in order and in time.

use std::time::{Duration, Instant};

use super::{FRAMES_PER_SECOND, WAIT_TIMEOUT, check_frames, line, service_outside_rooms};
use crate::common::livekit::Livekit;
use crate::common::{Clock, Pipeline, Proxy};
use gst::prelude::*;
use overshoot_emulator::Source;

#[test]
fn frames_arrive_in_the_users_own_room() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for (codec, caps, older_protocol) in [
        ("H.264", "video/x-h264", false),
        ("VP8", "video/x-vp8", false),
        // The proxy rejects the new form of the protocol, so the element must use the older one.
        ("H.264", "video/x-h264", true),
    ] {
        let service = service_outside_rooms();
        let proxy = Proxy::new(
            &livekit.address,
            older_protocol.then_some(b"GET /rtc/v1".as_slice()),
        );
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let watcher = livekit.watch();
        let token = livekit.token("camera");
        let start = Instant::now();
        let pipeline = Pipeline::new(
            &service,
            &line(&format!(
                "video-caps={caps} livekit-url={url} livekit-token={token}"
            )),
        );
        let clock = Clock::attach(&pipeline.pipeline);
        pipeline.play();
        let state = pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
        println!(
            "{codec}, older protocol {older_protocol}: streaming after {:?}",
            start.elapsed()
        );
        assert_eq!(
            state.get::<String>("stream-id").ok(),
            Some(service.stream().id)
        );
        assert_eq!(service.stream().source, Source::Livekit);
        watcher.wait_for_frames("camera", FRAMES_PER_SECOND, WAIT_TIMEOUT);
        let log = watcher.wait_for_frames("camera", 4 * FRAMES_PER_SECOND, Duration::from_secs(6));
        let frames: Vec<_> = log.frames_of("camera").collect();
        let frames = &frames[frames.len() - 4 * FRAMES_PER_SECOND..];
        let read = check_frames(frames, &clock);
        let elapsed = frames[frames.len() - 1].at - frames[0].at;
        println!("{read} of {} clocks read in {elapsed:?}", frames.len());
        assert!(read >= 3 * FRAMES_PER_SECOND, "{read}");
        assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");

        // The statistics contain the same fields as those of a direct connection.
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        assert!(
            stats.get::<u64>("bytes-sent").is_ok_and(|bytes| bytes > 0),
            "{stats}"
        );
        let rtt: f64 = stats.get("rtt-ms").expect("receiver reports");
        assert!(rtt < 1000.0, "{stats}");
        assert_eq!(stats.get::<i64>("packets-lost"), Ok(0), "{stats}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.sink.send_event(gst::event::Eos::new());
        pipeline.wait_for_eos(WAIT_TIMEOUT);
        watcher.wait("the end of the participant", WAIT_TIMEOUT, |log| {
            log.lines.iter().any(|l| l == "left camera")
        });
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn encoded_video_is_passed_through() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let watcher = livekit.watch();
    let x264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60";
    for (name, encoder) in [
        (
            "baseline",
            format!("{x264} ! video/x-h264,profile=constrained-baseline"),
        ),
        (
            "high",
            format!("{x264} dct8x8=true ! video/x-h264,profile=high"),
        ),
        ("vp8", "vp8enc deadline=1 keyframe-max-dist=60".to_owned()),
    ] {
        let service = service_outside_rooms();
        let properties = livekit.properties(name);
        let line =
            line(&properties).replace("! overshootsink", &format!("! {encoder} ! overshootsink"));
        let pipeline = Pipeline::new(&service, &line);
        let clock = Clock::attach(&pipeline.pipeline);
        pipeline.play();
        let log = watcher.wait_for_frames(name, 3 * FRAMES_PER_SECOND, WAIT_TIMEOUT);
        let frames: Vec<_> = log.frames_of(name).collect();
        let read = check_frames(&frames, &clock);
        println!("{name}: {read} of {} clocks read", frames.len());
        assert!(read >= 2 * FRAMES_PER_SECOND, "{read}");
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        assert_eq!(stats.get::<u64>("frames-encoded"), Ok(0), "{name}: {stats}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn encoded_video_that_the_room_rejects_is_encoded_again() {
    let Some(livekit) = Livekit::with("{enabled_codecs: [{mime: video/VP8}]}") else {
        return;
    };
    let watcher = livekit.watch();
    let service = service_outside_rooms();
    let line = line(&livekit.properties("camera")).replace(
        "! overshootsink",
        "! x264enc tune=zerolatency speed-preset=ultrafast ! overshootsink",
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    let log = watcher.wait_for_frames("camera", 3 * FRAMES_PER_SECOND, WAIT_TIMEOUT);
    let frames: Vec<_> = log.frames_of("camera").collect();
    assert!(check_frames(&frames, &clock) >= 2 * FRAMES_PER_SECOND);
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(!failures[0].fatal, "{failures:?}");
    assert!(failures[0].text.contains("encoded again"), "{failures:?}");
    pipeline.stop();
}

#[test]
fn two_publishers_share_a_room_but_not_an_identity() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let service = service_outside_rooms();
    let watcher = livekit.watch();
    let pipelines = ["left", "right"].map(|name| {
        let pipeline = Pipeline::new(&service, &line(&livekit.properties(name)));
        pipeline.play();
        pipeline
    });
    for name in ["left", "right"] {
        watcher.wait_for_frames(name, 2 * FRAMES_PER_SECOND, WAIT_TIMEOUT);
    }
    assert!(
        pipelines
            .iter()
            .all(|pipeline| pipeline.failures().is_empty())
    );
    let other = Pipeline::new(&service, &line(&livekit.properties("left")));
    other.play();
    let failure = pipelines[0].wait_for_failure(true, WAIT_TIMEOUT);
    assert!(failure.is(gst::ResourceError::NotAuthorized), "{failure:?}");
    assert!(failure.text.contains("identity"), "{failure:?}");
    watcher.wait_for_frames("right", FRAMES_PER_SECOND, WAIT_TIMEOUT);
    assert!(
        pipelines[1].failures().is_empty(),
        "{:?}",
        pipelines[1].failures()
    );
}

/// A LiveKit server drops a participant after a minute if the participant has not made the expected connection.
#[test]
fn a_publisher_is_not_dropped() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let seconds = std::env::var("OVERSHOOT_LIVEKIT_SECONDS");
    let seconds: usize = seconds.map_or(80, |text| text.parse().expect("a number"));
    let frames_timeout = Duration::from_secs(seconds as u64 * 5 / 4);
    let services = [false, true].map(|older_protocol| (older_protocol, service_outside_rooms()));
    let watcher = livekit.watch();
    let publishers = services.each_ref().map(|(older_protocol, service)| {
        let proxy = Proxy::new(
            &livekit.address,
            older_protocol.then_some(b"GET /rtc/v1".as_slice()),
        );
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let token = livekit.token(if *older_protocol { "older" } else { "newer" });
        let pipeline = Pipeline::new(
            service,
            &line(&format!("livekit-url={url} livekit-token={token}")),
        );
        pipeline.play();
        (pipeline, proxy)
    });
    let expected = seconds * FRAMES_PER_SECOND;
    let log = watcher.wait("all frames", WAIT_TIMEOUT + frames_timeout, |log| {
        ["older", "newer"]
            .iter()
            .all(|name| log.frames_of(name).count() >= expected)
    });
    for name in ["older", "newer"] {
        let frames: Vec<_> = log.frames_of(name).collect();
        let gap = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        println!(
            "{name}: {} frames, the longest gap is {gap:?}",
            frames.len()
        );
        // Beside other tests, the server pauses the video for up to 7 s, because it takes the delay for a narrow network.
        assert!(gap < Some(Duration::from_secs(10)), "{gap:?}");
    }
    assert!(
        !log.lines.iter().any(|line| line.starts_with("left")),
        "{:?}",
        log.lines
    );
    for (pipeline, _) in &publishers {
        // The emulator does not join the rooms, so it gives no answers. The video arrives in the rooms.
        for failure in pipeline.failures() {
            let text = &failure.text;
            let expected = text.starts_with("No answer has come") && text.contains("arrives");
            assert!(!failure.fatal && expected, "{failure:?}");
        }
        pipeline.stop();
    }
    for (_, service) in &services {
        assert_eq!(service.control.snapshot().streams.len(), 1);
        service.assert_all_deleted();
    }
}
