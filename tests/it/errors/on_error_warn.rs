// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `on-error=warn`: a failure of the service never stops the pipeline or slows down another branch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::LIVE;
use crate::common::{Pipeline, Service};
use gst::ResourceError;
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, SocketMessage, Times};

/// Plays a pipeline with a second branch, runs `trouble`, and asserts that the second branch keeps its frame rate.
fn with_sibling(service: &Service, properties: &str, trouble: impl FnOnce(&Pipeline)) -> Pipeline {
    let pipeline = Pipeline::new(
        service,
        &format!(
            "{LIVE} ! tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false \
             t. ! queue ! overshootsink name=o on-error=warn {properties}"
        ),
    );
    let frames = Arc::new(AtomicU64::new(0));
    let counted = frames.clone();
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    sibling.connect("handoff", false, move |_| {
        counted.fetch_add(1, Relaxed);
        None
    });
    pipeline.play();
    let start = Instant::now();
    trouble(&pipeline);
    // Two seconds are long enough to measure the rate.
    std::thread::sleep(Duration::from_secs(2).saturating_sub(start.elapsed()));
    let rate = frames.load(Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!("the sibling branch got {rate:.1} frames per second");
    assert!(rate > 27.0, "{rate}");
    assert!(
        pipeline.failures().iter().all(|f| !f.fatal),
        "{:?}",
        pipeline.failures()
    );
    pipeline
}

#[test]
fn a_sibling_branch_never_notices() {
    // A final error: one WARNING, and no further request.
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let pipeline = with_sibling(&service, "", |pipeline| {
        let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
        assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    });
    assert_eq!(service.control.snapshot().requests.len(), 1);
    assert_eq!(pipeline.states().last().map(String::as_str), Some("closed"));

    // Wrong settings: the same.
    let pipeline = with_sibling(&service, "target-fps=6", |_| {});
    assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
    assert_eq!(service.control.snapshot().requests.len(), 1);

    // A server that cannot be reached yet: the element tries again until it can.
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::Reset, Times::N(2));
    with_sibling(&service, "", |pipeline| {
        pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
        // The same cause twice is one message.
        assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
        assert_eq!(service.control.snapshot().calls(Call::Create).count(), 3);
    });

    // The service revokes the key in the middle of a stream.
    let service = Service::start();
    with_sibling(&service, "", |pipeline| {
        pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
        let close = SocketMessage::Close {
            code: 1008,
            reason: "revoked".into(),
        };
        service.control.send_on_socket(&service.stream().id, close);
        let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
        assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    });
    service.assert_all_deleted();
}

#[test]
fn a_file_plays_to_its_end_without_the_service() {
    // The preroll ends, the frames are dropped, and EOS arrives.
    let pipeline = Pipeline::at(
        "http://127.0.0.1:1/v0.2",
        "videotestsrc num-buffers=30 ! video/x-raw,framerate=30/1 ! overshootsink name=o on-error=warn",
    );
    let start = Instant::now();
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(10));
    let elapsed = start.elapsed();
    assert!(
        elapsed > Duration::from_millis(900) && elapsed < Duration::from_secs(4),
        "{elapsed:?}"
    );
    assert!(!pipeline.failures().is_empty());
}

/// The results of pushing frames into the element while its key is refused.
fn push_results(on_error: &str) -> (Pipeline, Vec<Result<gst::FlowSuccess, gst::FlowError>>) {
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! identity name=front ! overshootsink name=o on-error={on_error}"),
    );
    pipeline.play();
    pipeline.wait_for_failure(on_error == "error", Duration::from_secs(5));
    let caps = "video/x-raw,format=I420,width=320,height=240,framerate=30/1";
    let caps = caps.parse::<gst::Caps>().expect("caps");
    let sink = pipeline.sink.static_pad("sink").expect("a sink pad");
    // The source is replaced, to see what it would see.
    let front = pipeline.pipeline.by_name("front").expect("it is there");
    front.unlink(&pipeline.sink);
    let source = gst::Pad::builder(gst::PadDirection::Src).build();
    source.set_active(true).expect("active");
    source.link(&sink).expect("linked");
    source.push_event(gst::event::StreamStart::new("test"));
    source.push_event(gst::event::Caps::new(&caps));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    source.push_event(gst::event::Segment::new(&segment));
    let results = (0..3)
        .map(|n| {
            let mut frame = gst::Buffer::with_size(320 * 240 * 3 / 2).expect("memory");
            let pts = gst::ClockTime::from_mseconds(n * 33);
            frame.make_mut().set_pts(pts);
            source.push(frame)
        })
        .collect();
    (pipeline, results)
}

#[test]
fn only_a_fatal_error_stops_the_source() {
    let (pipeline, results) = push_results("error");
    assert!(
        results
            .iter()
            .all(|result| *result == Err(gst::FlowError::Error)),
        "{results:?}"
    );
    // The reason comes before the messages of the elements that it stops.
    let failures = pipeline.failures();
    assert!(failures[0].is(ResourceError::NotAuthorized), "{failures:?}");
    let (_pipeline, results) = push_results("warn");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}
