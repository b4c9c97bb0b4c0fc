//! In somebody else's program: its own runtime, several elements, its own hands on the encoder.

use std::time::Duration;

use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

#[test]
fn an_application_may_drive_it_from_its_own_runtime() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    // A handler that uses the runtime, too: it runs on a thread that is nobody's worker.
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
fn elements_do_not_mind_each_other() {
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
fn the_encoder_is_the_applications_to_set_up() {
    let service = Service::with(|config| {
        config.codecs = vec![overshoot_emulator::Codec::H264];
    });
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    let (sender, encoders) = std::sync::mpsc::channel();
    pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let consumer = values[1].get::<String>().expect("an id");
            let encoder = values[3].get::<gst::Element>().expect("an encoder");
            encoder.set_property("key-int-max", 15u32);
            let _ = sender.send((consumer, encoder));
            Some(true.to_value())
        });
    pipeline.play();
    let (consumer, encoder) = encoders
        .recv_timeout(Duration::from_secs(10))
        .expect("asked");
    let seen = service.wait("two seconds", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 60)
    });
    assert_eq!(seen.streams[0].id, consumer);
    let keyframes = seen.streams[0].frames.iter().filter(|f| f.keyframe).count();
    assert!(
        keyframes >= 3,
        "{keyframes} key frames in 60 with one each 15"
    );
    // And the bitrate changes while it runs.
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
