// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The way to PLAYING. Files wait for their first frame. A live pipeline waits for nothing; a WARNING says that there
//! are no answers without a frame.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::slow_states::slow_down;
use crate::common::{Pipeline, Service};

const RECORDER: &str = "fakesink name=recorder sync=true";

/// Waits until the pipeline plays and the recorder gets frames.
fn assert_records(pipeline: &Pipeline) {
    let (result, state, _) = pipeline.pipeline.state(gst::ClockTime::from_seconds(5));
    assert_eq!((result.is_ok(), state), (true, gst::State::Playing));
    let recorder = pipeline.pipeline.by_name("recorder").expect("a sink");
    let rendered = || {
        let stats = recorder.property::<gst::Structure>("stats");
        stats.get::<u64>("rendered").expect("a count")
    };
    let deadline = Instant::now() + Duration::from_secs(3);
    while rendered() < 10 {
        assert!(Instant::now() < deadline, "{} frames", rendered());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_branch_without_a_frame_holds_no_other_branch_up() {
    let live = "videotestsrc is-live=true ! video/x-raw,width=160,height=120";
    let lines = [
        // A shut valve; with encoded video too.
        format!(
            "{live} ! tee name=t ! queue ! valve drop=true ! overshootsink name=o t. ! queue ! {RECORDER}"
        ),
        format!(
            "{live} ! tee name=t ! queue ! valve drop=true ! x264enc ! overshootsink name=o t. ! queue ! {RECORDER}"
        ),
        // A second camera that sends nothing, and one that has no pad yet.
        format!("appsrc is-live=true ! overshootsink name=o {live} ! {RECORDER}"),
        format!("overshootsink name=o {live} ! {RECORDER}"),
        // In a bin.
        format!("( appsrc is-live=true ! overshootsink name=o ) {live} ! {RECORDER}"),
    ];
    let service = Service::start();
    for line in lines {
        println!("{line}");
        let pipeline = Pipeline::new(&service, &line);
        // The clock is new only at the first start.
        for _ in 0..2 {
            pipeline.play();
            assert_records(&pipeline);
            pipeline.stop();
        }
        // Step by step.
        pipeline
            .pipeline
            .set_state(gst::State::Paused)
            .expect("PAUSED");
        pipeline.play();
        assert_records(&pipeline);
    }
}

#[test]
fn a_branch_that_opens_later_gets_answers() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true ! video/x-raw,width=160,height=120 ! tee name=t ! queue ! valve name=v drop=true \
         ! overshootsink name=o t. ! queue ! {RECORDER}"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    assert_records(&pipeline);
    let warning = pipeline.wait_for_failure(false, Duration::from_secs(10));
    assert!(warning.text.contains("No video has arrived"), "{warning:?}");
    let valve = pipeline.pipeline.by_name("v").expect("a valve");
    valve.set_property("drop", false);
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
}

#[test]
fn a_branch_that_is_added_while_the_pipeline_plays_holds_nothing_up() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true ! video/x-raw,width=160,height=120 ! tee name=t ! queue ! {RECORDER} \
         overshootsink name=o"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.pipeline.remove(&pipeline.sink).expect("removed");
    pipeline.play();
    assert_records(&pipeline);
    pipeline.pipeline.add(&pipeline.sink).expect("added");
    pipeline.sink.sync_state_with_parent().expect("it starts");
    assert_records(&pipeline);
    assert_eq!(pipeline.sink.current_state(), gst::State::Playing);
}

#[test]
fn the_end_of_video_without_an_answer_causes_a_warning() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc num-buffers=1 ! overshootsink name=o drain-timeout=300000000 clip-length-seconds=2",
    );
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(10));
    let texts: Vec<_> = pipeline.failures().into_iter().map(|f| f.text).collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("no answer about it has come")),
        "{texts:?}"
    );
}

/// A frame may arrive in the middle of a state change.
#[test]
fn every_pipeline_plays_however_slow_its_state_changes_are() {
    crate::common::init();
    let file = crate::common::video("carphone_pristine.mp4");
    let file = format!("filesrc location={}", file.display());
    let service = Service::start();
    for line in [
        format!("{file} ! decodebin ! overshootsink name=o"),
        format!("{file} ! qtdemux ! h264parse ! overshootsink name=o"),
        "videotestsrc num-buffers=60 ! video/x-raw,width=160,height=120 ! overshootsink name=o"
            .to_owned(),
        "videotestsrc is-live=true num-buffers=60 ! video/x-raw,width=160,height=120 ! overshootsink name=o"
            .to_owned(),
        // In a bin.
        "( videotestsrc num-buffers=60 ! video/x-raw,width=160,height=120 ! overshootsink name=o ) \
         videotestsrc num-buffers=60 ! fakesink"
            .to_owned(),
    ] {
        println!("{line}");
        // The element, and the appsink in it.
        for (slow, first) in [
            ("frames", gst::State::Playing),
            ("o", gst::State::Playing),
            ("frames", gst::State::Paused),
            ("o", gst::State::Paused),
        ] {
            slow_down(slow);
            let pipeline = Pipeline::new(&service, &line);
            pipeline.pipeline.set_state(first).expect("it starts");
            let (result, state, _) = pipeline.pipeline.state(gst::ClockTime::from_seconds(10));
            assert_eq!(state, first, "{line}: {result:?}, {:?}", pipeline.failures());
            pipeline.play();
            let (_, state, _) = pipeline.pipeline.state(gst::ClockTime::from_seconds(10));
            assert_eq!(state, gst::State::Playing, "{line}");
            assert_eq!(pipeline.sink.current_state(), gst::State::Playing, "{line}");
            pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
            pipeline.stop();
        }
    }
    service.assert_all_deleted();
}
