// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Properties, signals, messages and pads of `overshootsink`, on the filter.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;

use super::{LIVE, WAIT, record, wait_for_frames};
use crate::common::launch::Launch;
use crate::common::{Pipeline, Service};

#[test]
fn signals_and_messages_come_from_the_filter() {
    let service = Service::start();
    let line = format!("{LIVE} ! overshootfilter name=o interval-seconds=0.2 ! fakesink");
    let pipeline = Pipeline::new(&service, &line);
    let (sender, results) = mpsc::channel();
    pipeline.sink.connect("result", false, move |values| {
        let structure = values[1].get::<gst::Structure>().expect("a structure");
        let _ = sender.send(structure.get::<String>("result").expect("a text"));
        None
    });
    let (sender, encoders) = mpsc::channel();
    pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let _ = sender.send(values[3].get::<gst::Element>().expect("an encoder").name());
            Some(false.to_value())
        });
    let (sender, notified) = mpsc::channel();
    pipeline
        .pipeline
        .connect_deep_notify(Some("last-result"), move |_, from, _| {
            let _ = sender.send(from.name());
        });
    pipeline.play();
    let first = results.recv_timeout(WAIT).expect("an answer");
    assert!(first.contains("320x240"), "{first}");
    encoders.recv_timeout(WAIT).expect("an encoder");
    assert_eq!(notified.recv_timeout(WAIT).expect("a change"), "o");
    let last: Option<String> = pipeline.sink.property("last-result");
    assert!(last.expect("an answer").contains("320x240"));
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    pipeline.wait_for_element("overshoot-models", WAIT);
    pipeline.sink.set_property("prompt", "And now?");
    pipeline.wait_for_element("overshoot-prompt", WAIT);
    let seen = service.wait("the new prompt", |seen| {
        seen.streams[0]
            .prompts
            .last()
            .is_some_and(|p| p == "And now?")
    });
    assert_eq!(seen.streams.len(), 1);
    pipeline.stop();
    let ours = pipeline.messages().into_iter().filter(|(_, message)| {
        let name = message.structure().map(|s| s.name().to_string());
        name.is_some_and(|name| name.starts_with("overshoot-"))
    });
    let ours: Vec<_> = ours.collect();
    assert!(ours.len() > 5);
    for (_, message) in &ours {
        assert_eq!(
            message.src(),
            Some(pipeline.sink.upcast_ref()),
            "{message:?}"
        );
    }
    // Each change is reported once, by the filter.
    let names: Vec<_> = notified.try_iter().collect();
    assert!(names.iter().all(|name| name == "o"), "{names:?}");
    assert!(names.len() <= pipeline.results().len());
    service.assert_all_deleted();
}

#[test]
fn answer_pads_can_be_requested_and_released() {
    let service = Service::start();
    let line = format!(
        "{LIVE} ! overshootfilter name=o interval-seconds=0.2 ! fakesink \
         o.text_src ! appsink name=text sync=false async=false o.json_src ! fakesink async=false o.alert_src ! fakesink async=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    let went = record(&pipeline, "src");
    let text = pipeline.pipeline.by_name("text").expect("it");
    let text = text.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.play();
    let sample = text.pull_sample().expect("an answer");
    let map = sample.buffer().expect("a buffer").map_readable();
    let bytes = map.expect("readable").to_vec();
    assert!(String::from_utf8(bytes).expect("text").contains("320x240"));
    // Released and requested again while it plays.
    let pad = pipeline.sink.static_pad("text_src").expect("it");
    let peer = pad.peer().expect("linked");
    pad.unlink(&peer).expect("linked");
    pipeline.sink.release_request_pad(&pad);
    assert_eq!(pipeline.sink.static_pad("text_src"), None);
    let pad = pipeline.sink.request_pad_simple("text_src").expect("free");
    let count = super::passed(&went).len();
    pad.link(&peer).expect("it links");
    wait_for_frames(&went, count + 10);
    text.pull_sample().expect("an answer");
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn it_runs_in_gst_launch() {
    let service = Service::start();
    let launch = Launch::start(
        &service,
        "-v -e videotestsrc is-live=true ! overshootfilter prompt=\"What is it?\" interval-seconds=0.5 ! videoconvert ! fakesink sync=true",
    );
    launch.wait_for_output("GstOvershootFilter:overshootfilter0: last-result = ", WAIT);
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    let printed = finished.stdout.matches("last-result = ").count();
    let own = finished
        .stdout
        .matches("overshootfilter0: last-result = ")
        .count();
    assert_eq!(printed, own, "{}", finished.stdout);
    assert!(!finished.stderr.contains("WARN"), "{finished:?}");
    service.assert_all_deleted();
}
