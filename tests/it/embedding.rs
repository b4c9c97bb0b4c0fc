// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element inside an application: with the application's own runtime, with several elements, and with an encoder
//! that the application configures.

use std::time::Duration;

use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

#[test]
fn an_application_can_use_it_from_its_own_runtime() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    // The handler uses the runtime, too. That works because it does not run on a runtime's worker thread.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let handle = runtime.handle().clone();
    let (sender, answers) = std::sync::mpsc::channel();
    pipeline.sink.connect("result", false, move |_| {
        handle.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        let _ = sender.send(());
        None
    });
    runtime.block_on(async {
        pipeline.play();
        answers
            .recv_timeout(Duration::from_secs(10))
            .expect("an answer");
        pipeline.sink.set_property("prompt", "And now?");
        pipeline.wait_for_element("overshoot-prompt", Duration::from_secs(5));
        pipeline.stop();
    });
    service.assert_all_deleted();
}

#[test]
fn two_elements_do_not_disturb_each_other() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!(
            "{LIVE} ! tee name=t ! queue ! overshootsink name=o \
             t. ! queue ! overshootsink name=other prompt=Other"
        ),
    );
    let other = pipeline.pipeline.by_name("other").expect("it is there");
    other.set_property("api-url", &service.url);
    other.set_property("api-key", KEY);
    pipeline.play();
    let seen = service.wait("both", |seen| {
        seen.streams.len() == 2 && seen.streams.iter().all(|s| s.answers.len() > 3)
    });
    let mut prompts: Vec<_> = seen.streams.iter().map(|s| s.prompts[0].clone()).collect();
    prompts.sort();
    assert_eq!(prompts, ["Other", "What do you see?"]);
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn the_application_can_configure_the_encoder() {
    let service = Service::with(|config| {
        config.codecs = vec![overshoot_emulator::Codec::H264];
    });
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    let (sender, encoders) = std::sync::mpsc::channel();
    pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let consumer_id = values[1].get::<String>().expect("an id");
            let encoder = values[3].get::<gst::Element>().expect("an encoder");
            encoder.set_property("key-int-max", 15u32);
            let _ = sender.send((consumer_id, encoder));
            Some(true.to_value())
        });
    pipeline.play();
    let (consumer_id, encoder) = encoders
        .recv_timeout(Duration::from_secs(10))
        .expect("the signal is emitted");
    let seen = service.wait("two seconds", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 60)
    });
    assert_eq!(seen.streams[0].id, consumer_id);
    let keyframes = seen.streams[0].frames.iter().filter(|f| f.keyframe).count();
    assert!(
        keyframes >= 3,
        "{keyframes} key frames in 60 frames, with key-int-max=15"
    );
    // The bitrate can change while the pipeline plays.
    pipeline.sink.set_property("bitrate", 300_000u32);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while encoder.property::<u32>("bitrate") != 300 {
        assert!(std::time::Instant::now() < deadline, "the bitrate stays");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(encoder);
    pipeline.stop();
    service.assert_all_deleted();
}

/// The handler runs on the thread of the controller that it ends.
#[test]
fn a_handler_can_start_the_element_again() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! overshootsink name=o interval-seconds=0.2"),
    );
    let restarted = std::sync::atomic::AtomicBool::new(false);
    let weak = pipeline.pipeline.downgrade();
    pipeline.sink.connect("result", false, move |_| {
        if !restarted.swap(true, std::sync::atomic::Ordering::Relaxed) {
            let pipeline = weak.upgrade().expect("it plays");
            pipeline.set_state(gst::State::Ready).expect("it stops");
            pipeline.set_state(gst::State::Playing).expect("it starts");
        }
        None
    });
    pipeline.play();
    let seen = service.wait("a second stream", |seen| {
        seen.streams.len() == 2
            && seen.streams[0].ended.is_some()
            && seen.streams[1].answers.len() > 2
    });
    let streaming = |states: &[String]| states.iter().filter(|s| *s == "streaming").count() == 2;
    pipeline.wait_for("the second stream", Duration::from_secs(5), |_| {
        streaming(&pipeline.states()).then_some(())
    });
    let mut states = pipeline.states();
    states.dedup();
    let once = ["connecting", "streaming", "closed"];
    assert_eq!(states, [once.as_slice(), &once[..2]].concat());
    // The property is that of the new run.
    let id = pipeline.sink.property::<Option<String>>("stream-id");
    assert_eq!(id.as_ref(), Some(&seen.streams[1].id));
    pipeline.stop();
    service.assert_all_deleted();
}
