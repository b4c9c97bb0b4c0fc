// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Alerts: they follow what is in front of the camera, once for each change.

mod changes;
pub mod idle;
mod idle_encoded;
mod idle_failures;
mod still;
mod still_clips;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstovershoot::Message;
use gstovershoot::message::AlertMessage;
use overshoot_emulator::EndReason;
use serde_json::Value;

use crate::common::{Pipeline, Service};

const WAIT: Duration = Duration::from_secs(20);
const SOURCE: &str =
    "videotestsrc name=source is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";
/// Of JSON answers: the emulator measures the brightness of the picture, 0 to 1.
const BRIGHTNESS: &str =
    r#"{"type":"object","properties":{"brightness":{"type":"number"}},"required":["brightness"]}"#;

/// A pipeline with an alert.
fn pipeline(service: &Service, pads: &str, alert: &str) -> Pipeline {
    let pipeline = Pipeline::new(service, &format!("{SOURCE} ! overshootsink name=o {pads}"));
    let alert: gst::Structure = alert.parse().expect("a structure");
    pipeline
        .sink
        .set_property("alerts", gst::Array::new([alert]));
    pipeline
}

pub fn show(pipeline: &Pipeline, pattern: &str) {
    pipeline.show_pattern(pattern);
}

fn alerts(pipeline: &Pipeline) -> Vec<AlertMessage> {
    let read = |message: &gst::Message| match Message::parse(message) {
        Some(Message::Alert(alert)) => Some(alert),
        _ => None,
    };
    let messages = pipeline.messages();
    messages
        .iter()
        .filter_map(|(_, message)| read(message))
        .collect()
}

fn wait_for_alert(pipeline: &Pipeline, raised: bool) -> AlertMessage {
    let what = format!("the alert, raised={raised}");
    pipeline.wait_for(&what, WAIT, |message| match Message::parse(message)? {
        Message::Alert(alert) => (alert.raised == raised).then_some(alert),
        _ => None,
    })
}

/// Waits for this many more answers.
fn wait_for_answers(pipeline: &Pipeline, count: usize) {
    let (enough, end) = (pipeline.results().len() + count, Instant::now() + WAIT);
    while pipeline.results().len() < enough {
        assert!(Instant::now() < end, "no more answers");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a pad sends: its buffers as text, and the names of its custom events.
fn record(pipeline: &Pipeline, pad: &str) -> Arc<Mutex<Vec<String>>> {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let pad = pipeline.sink.static_pad(pad).expect("the pad");
    let into = recorded.clone();
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        let entry = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let map = buffer.map_readable().expect("readable");
                String::from_utf8(map.to_vec()).ok()
            }
            Some(gst::PadProbeData::Event(event)) => {
                let structure = event.structure().filter(|s| s.has_field("raised"));
                structure.map(|structure| structure.name().to_string())
            }
            _ => None,
        };
        into.lock().expect("no panic").extend(entry);
        gst::PadProbeReturn::Ok
    });
    recorded
}

fn follows_the_picture(api: &str) {
    let service = Service::of(api, |_| {});
    let pads = "o.alert_src ! fakesink async=false o.text_src ! fakesink async=false";
    let alert = "alert,name=bright,when=\"/brightness\\ >\\ 0.5\",answers=2,cool-down=0";
    let pipeline = pipeline(&service, pads, alert);
    show(&pipeline, "black");
    pipeline.sink.set_property("output-schema", BRIGHTNESS);
    pipeline.sink.set_property("interval-seconds", 0.2);
    let (lines, texts) = (
        record(&pipeline, "alert_src"),
        record(&pipeline, "text_src"),
    );
    pipeline.play();
    wait_for_answers(&pipeline, 3);
    assert_eq!(alerts(&pipeline), [], "{api}");

    let mut edges = Vec::new();
    for (pattern, raised) in [("white", true), ("black", false)] {
        let before = pipeline.sink.current_running_time().expect("it plays");
        show(&pipeline, pattern);
        let alert = wait_for_alert(&pipeline, raised);
        assert_eq!(alert.name, "bright");
        let since = alert.since.expect("a time");
        // The frame from which it is so: `capture-time` is exact to some frames.
        let late = since.nseconds() as f64 / 1e9 - before.nseconds() as f64 / 1e9;
        assert!((-0.3..2.0).contains(&late), "{api} {pattern}: {late} s");
        let text = alert.result.clone().expect("an answer");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let brightness = answer["brightness"].as_f64().expect("a number");
        assert_eq!(brightness > 0.5, raised, "{api}: {text}");
        edges.push(alert);
    }
    wait_for_answers(&pipeline, 3);
    pipeline.stop();
    assert_eq!(
        alerts(&pipeline),
        edges,
        "{api}: one message for each change"
    );

    let lines = lines.lock().expect("no panic").clone();
    let lines: Vec<_> = lines
        .iter()
        .filter(|line| *line != "overshoot-alert")
        .collect();
    assert_eq!(lines.len(), 2, "{api}: {lines:?}");
    for (line, edge) in lines.iter().zip(&edges) {
        assert!(line.ends_with('\n'));
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["name"], "bright");
        assert_eq!(line["raised"], edge.raised);
        assert_eq!(line["since_ms"], edge.since.expect("a time").mseconds());
        assert_eq!(line["result"].as_str(), edge.result.as_deref());
    }
    // The event comes before the answer that raised the alert.
    let texts = texts.lock().expect("no panic").clone();
    let events = texts
        .iter()
        .enumerate()
        .filter(|(_, text)| *text == "overshoot-alert");
    let events: Vec<_> = events.map(|(index, _)| index).collect();
    assert_eq!(events.len(), 2, "{api}: {texts:?}");
    assert!(texts[events[0] + 1].contains("brightness"), "{texts:?}");
    service.assert_all_deleted();
}

#[test]
fn on_v02_it_follows_the_picture() {
    follows_the_picture("v0.2");
}

#[test]
fn on_v1_it_follows_the_picture() {
    follows_the_picture("v1");
}

#[test]
fn neither_a_new_stream_nor_a_new_prompt_raises_it_again() {
    let service = Service::start();
    let alert = "alert,name=white,when=\"mostly\\ white\",cool-down=0";
    let pipeline = pipeline(&service, "", alert);
    show(&pipeline, "white");
    pipeline.play();
    wait_for_alert(&pipeline, true);
    let first = service.stream().id;
    assert!(
        service
            .control
            .end_stream(&first, EndReason::WebrtcDisconnected)
    );
    pipeline.wait_for("an answer of the next stream", WAIT, |message| {
        let structure = message.structure()?;
        (structure.get("stream-epoch") == Ok(2_u64)).then_some(())
    });
    pipeline.sink.set_property("prompt", "And what now?");
    pipeline.wait_for("an answer to the next prompt", WAIT, |message| {
        let structure = message.structure()?;
        (structure.get("prompt") == Ok("And what now?")).then_some(())
    });
    wait_for_answers(&pipeline, 2);
    assert_eq!(alerts(&pipeline).len(), 1);
    // A start of the pipeline is a new run.
    pipeline.stop();
    pipeline.play();
    wait_for_answers(&pipeline, 1);
    pipeline.stop();
    assert_eq!(alerts(&pipeline).len(), 2);
}
