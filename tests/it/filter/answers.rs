// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The custom meta `overshoot` on the buffers that follow an answer.

use gst::prelude::*;
use overshoot_emulator::SocketMessage;
use serde_json::json;

use super::{LIVE, WAIT, metas, passed, record, wait_for_frames};
use crate::common::{Pipeline, Service};

fn text(meta: &gst::StructureRef) -> String {
    meta.get("text").expect("a text")
}

fn answer_on(buffer: &gst::BufferRef) -> Option<String> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "overshoot").ok()?;
    meta.structure().get("text").ok()
}

#[test]
fn each_frame_has_the_newest_answer() {
    let service = Service::start();
    // Elements behind it, which change the pictures, keep the metadata.
    let line = format!(
        "{LIVE} ! debugqroverlay ! overshootfilter name=o interval-seconds=0.2 ! videoconvert ! video/x-raw,format=RGB ! videoscale ! video/x-raw,width=160,height=120 ! fakesink name=end"
    );
    let pipeline = Pipeline::new(&service, &line);
    let went = record(&pipeline, "src");
    let end = pipeline.pipeline.by_name("end").expect("it");
    let scaled = super::AllPassed::default();
    let into = scaled.clone();
    let pad = end.static_pad("sink").expect("it");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            into.lock().expect("no panic").push(super::Passed {
                at: std::time::Instant::now(),
                buffer: buffer.clone(),
            });
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.play();
    pipeline.wait_for("answers", WAIT, |_| {
        (pipeline.results().len() >= 10).then_some(())
    });
    pipeline.stop();
    let (went, scaled) = (passed(&went), passed(&scaled));
    let results = pipeline.results();
    assert!(results.len() >= 5, "{}", results.len());
    let mut checked = 0;
    for frame in &went {
        // Answers that arrived just then may be on the frame or not.
        let margin = std::time::Duration::from_millis(5);
        let newest = results.iter().rev().find(|r| r.at + margin < frame.at);
        let near = results
            .iter()
            .any(|r| r.at + margin >= frame.at && r.at <= frame.at + margin);
        if near {
            continue;
        }
        let metas = metas(&frame.buffer);
        let Some(newest) = newest else {
            assert!(metas.is_empty());
            continue;
        };
        let [meta] = &metas[..] else {
            panic!("one answer: {metas:?}");
        };
        assert_eq!(text(meta), newest.text());
        assert_eq!(answer_on(&frame.buffer), Some(newest.text()));
        let message = &newest.structure;
        assert_eq!(meta.get::<&str>("id"), message.get("id"));
        for field in ["running-time", "capture-time"] {
            let time = meta.get::<gst::ClockTime>(field);
            assert_eq!(time, message.get(field), "{field}");
        }
        let age = meta.get::<gst::ClockTime>("age").expect("an age");
        let captured = meta.get::<gst::ClockTime>("capture-time").expect("a time");
        // Of a live source, the running time of a frame is its timestamp here.
        assert_eq!(captured + age, frame.buffer.pts().expect("a time"));
        assert!(age < gst::ClockTime::SECOND, "{age}");
        assert!(!meta.has_field("json") && !meta.has_field("question"));
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
    for (frame, scaled) in went.iter().zip(&scaled) {
        assert_eq!(metas(&frame.buffer), metas(&scaled.buffer));
    }
    service.assert_all_deleted();
}

/// What the frame at the end of the pipeline has, after the service has sent this answer.
fn after_answer(
    service: &Service,
    pipeline: &Pipeline,
    answer: serde_json::Value,
) -> Vec<gst::Structure> {
    let id = answer["id"].as_str().expect("an id").to_owned();
    let stream = service.control.snapshot().streams[0].id.clone();
    let sent = SocketMessage::Text(answer.to_string());
    assert!(service.control.send_on_socket(&stream, sent));
    pipeline.wait_for(&id, WAIT, |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok(&*id)).then_some(())
    });
    let went = record(pipeline, "src");
    wait_for_frames(&went, 2);
    metas(&passed(&went)[1].buffer)
}

/// A stream whose only answers are those that a test sends, but for the first one.
fn quiet(service: &Service, properties: &str) -> Pipeline {
    let line =
        format!("{LIVE} ! overshootfilter name=o interval-seconds=60 {properties} ! fakesink");
    let pipeline = Pipeline::new(service, &line);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    pipeline
}

#[test]
fn json_and_alerts_are_on_the_frames() {
    let service = Service::start();
    let schema = r#"{"type":"object"}"#;
    let alert = |name: &str, when: &str| {
        gst::Structure::builder("alert")
            .field("name", name)
            .field("when", when)
            .build()
    };
    let pipeline = quiet(&service, "");
    pipeline.stop();
    pipeline.sink.set_property("output-schema", schema);
    let alerts = [
        alert("fire", "/fire == true"),
        alert("smoke", "/smoke == true"),
    ];
    pipeline
        .sink
        .set_property("alerts", gst::Array::new(alerts));
    pipeline.play();
    let first = pipeline.results().len();
    pipeline.wait_for("the first answer", WAIT, |_| {
        (pipeline.results().len() > first).then_some(())
    });
    let service_streams = service.control.snapshot().streams.len();
    assert_eq!(service_streams, 2);
    let stream = service.control.snapshot().streams[1].id.clone();
    let answer = |id: &str, result: serde_json::Value| {
        let sent = json!({"id": id, "prompt": "What do you see?", "result": result.to_string(), "ok": true, "total_latency_ms": 50.0});
        assert!(
            service
                .control
                .send_on_socket(&stream, SocketMessage::Text(sent.to_string()))
        );
        pipeline.wait_for(id, WAIT, |message| {
            let structure = message.structure()?;
            (structure.name() == "overshoot-result" && structure.get::<&str>("id") == Ok(id))
                .then_some(())
        });
        let went = record(&pipeline, "src");
        wait_for_frames(&went, 3);
        let metas = metas(&passed(&went)[2].buffer);
        assert_eq!(metas.len(), 1, "{metas:?}");
        let alerts: gst::Array = metas[0].get("alerts").expect("a list");
        let alerts: Vec<String> = alerts
            .iter()
            .map(|name| name.get().expect("a name"))
            .collect();
        (metas[0].get::<String>("json").ok(), alerts)
    };
    let (json, alerts) = answer("one", json!({"fire": true, "smoke": false}));
    assert_eq!(json.as_deref(), Some(r#"{"fire":true,"smoke":false}"#));
    assert_eq!(alerts, ["fire"]);
    let (_, alerts) = answer("two", json!({"fire": true, "smoke": true}));
    assert_eq!(alerts, ["fire", "smoke"]);
    let (_, alerts) = answer("three", json!({"fire": false, "smoke": false}));
    assert!(alerts.is_empty(), "{alerts:?}");
}

/// Only answers about now are on the frames. An answer that says the same is one, whatever `changes-only` holds back.
#[test]
fn answers_that_say_nothing_new_about_now() {
    let service = Service::start();
    let pipeline = quiet(&service, "changes-only=pads");
    let answer = |id: &str, more: serde_json::Value| {
        let mut answer = json!({"id": id, "prompt": "What do you see?", "result": "A red car.", "ok": true, "total_latency_ms": 50.0});
        for (name, value) in more.as_object().expect("members") {
            answer[name] = value.clone();
        }
        let metas = after_answer(&service, &pipeline, answer);
        assert_eq!(metas.len(), 1, "{metas:?}");
        metas[0].get::<String>("id").expect("an id")
    };
    assert_eq!(answer("a", json!({})), "a");
    assert_eq!(
        answer("b", json!({"ok": false, "error": "overloaded"})),
        "a"
    );
    assert_eq!(answer("c", json!({"result": "A car that is red."})), "c");
    pipeline.sink.set_property("prompt", "And now?");
    pipeline.wait_for_element("overshoot-prompt", WAIT);
    // Late: the prompt has changed.
    assert_eq!(answer("d", json!({})), "c");
    assert_eq!(answer("e", json!({"prompt": "And now?"})), "e");
}

#[test]
fn each_question_has_its_answer_on_the_frames() {
    let service = Service::of("v1", |_| {});
    let line = format!("{LIVE} ! overshootfilter name=o interval-seconds=0.3 ! fakesink");
    let pipeline = Pipeline::new(&service, &line);
    let question = |name: &str| {
        gst::Structure::builder("question")
            .field("name", name)
            .field("prompt", format!("What about the {name}?"))
            .field("interval-seconds", 0.3)
            .build()
    };
    let questions = gst::Array::new([question("gate"), question("door")]);
    pipeline.sink.set_property("questions", questions);
    let went = record(&pipeline, "src");
    pipeline.play();
    let names = |frame: &super::Passed| {
        let metas = metas(&frame.buffer).into_iter();
        let names = metas.map(|meta| meta.get::<String>("question").ok());
        names.collect::<Vec<_>>()
    };
    pipeline.wait_for("three answers", WAIT, |_| {
        let newest = passed(&went).last().map(names)?;
        (newest.len() == 3).then_some(())
    });
    pipeline.stop();
    let mut newest = names(passed(&went).last().expect("a frame"));
    // The answer to `prompt` is the one that readers of one meta get.
    assert_eq!(newest[0], None);
    newest.sort();
    assert_eq!(
        newest,
        [None, Some("door".to_owned()), Some("gate".to_owned())]
    );
    service.assert_all_deleted();
}
