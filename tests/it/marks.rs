// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The fields that the element adds to an answer: prompt serial, stream epoch, late, stale, schema error. And the
//! warnings about answers that are cut off or missing, and about stalled sources.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{EndReason, SocketMessage};
use serde_json::{Value, json};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Plays live video until the first answer.
fn live(service: &Service, properties: &str) -> Pipeline {
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5 {properties}");
    let pipeline = Pipeline::new(service, &line);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    pipeline
}

/// Lets the service send an answer with these fields. Returns the `overshoot-result` message.
fn send_answer(
    service: &Service,
    pipeline: &Pipeline,
    id: &str,
    mut fields: Value,
) -> gst::Structure {
    fields["id"] = id.into();
    let text = SocketMessage::Text(fields.to_string());
    let stream = service
        .control
        .snapshot()
        .streams
        .last()
        .expect("one")
        .id
        .clone();
    assert!(service.control.send_on_socket(&stream, text));
    wait_for_answer(pipeline, id)
}

fn wait_for_answer(pipeline: &Pipeline, id: &str) -> gst::Structure {
    pipeline.wait_for(id, WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok(id)).then(|| structure.to_owned())
    })
}

/// The number of messages that contain this text.
fn count_warnings(pipeline: &Pipeline, part: &str) -> usize {
    let failures = pipeline.failures();
    failures.iter().filter(|f| f.text.contains(part)).count()
}

#[test]
fn an_answer_names_its_question_and_its_stream() {
    let service = Service::start();
    let pipeline = live(&service, "prompt=first");
    let serial_and_late = |id: &str, prompt: &str| {
        let result = json!({"prompt": prompt, "result": "text"});
        let answer = send_answer(&service, &pipeline, id, result);
        (
            answer.get::<u64>("prompt-serial").ok(),
            answer.get::<bool>("late").expect("a field"),
        )
    };
    assert_eq!(serial_and_late("a", "first"), (Some(1), false));
    pipeline.sink.set_property("prompt", "second");
    let accepted = pipeline.wait_for_element("overshoot-prompt", WAIT_TIMEOUT);
    assert_eq!(accepted.get::<u64>("prompt-serial"), Ok(2));
    assert_eq!(serial_and_late("b", "first"), (Some(1), true));
    assert_eq!(serial_and_late("c", "second"), (Some(2), false));
    assert_eq!(serial_and_late("d", "never asked"), (None, false));

    // With `drop-late-results` the same late answer is dropped.
    pipeline.sink.set_property("drop-late-results", true);
    let late = json!({"id": "e", "prompt": "first", "result": "text"}).to_string();
    let id = service.stream().id;
    assert!(
        service
            .control
            .send_on_socket(&id, SocketMessage::Text(late))
    );
    assert_eq!(serial_and_late("f", "second"), (Some(2), false));
    let results = pipeline.results();
    let is_dropped = |id: &str| {
        !results
            .iter()
            .any(|p| p.structure.get::<&str>("id") == Ok(id))
    };
    assert!(is_dropped("e") && !is_dropped("f"));
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("answers-dropped-late"), Ok(1));

    let first = send_answer(&service, &pipeline, "g", json!({"result": "text"}));
    assert_eq!(first.get::<u64>("stream-epoch"), Ok(1));
    assert!(!first.has_field("prompt-serial"), "{first}");
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    service.wait("a new stream", |seen| {
        seen.streams.len() == 2 && seen.streams[1].answers.len() > 1
    });
    let second = send_answer(&service, &pipeline, "h", json!({"result": "text"}));
    assert_eq!(second.get::<u64>("stream-epoch"), Ok(2));
}

#[test]
fn cut_off_answers_cause_one_warning() {
    let service = Service::start();
    for (properties, advice) in [
        ("", "raise interval-seconds"),
        (
            "max-output-tokens=20",
            "raise max-output-tokens from 20 to at most 64",
        ),
    ] {
        let pipeline = live(&service, properties);
        for id in ["a", "b"] {
            let cut = json!({"result": "A long", "finish_reason": "length"});
            send_answer(&service, &pipeline, id, cut);
        }
        let last = send_answer(
            &service,
            &pipeline,
            "c",
            json!({"result": "all", "finish_reason": "stop"}),
        );
        assert_eq!(last.get::<&str>("finish-reason"), Ok("stop"));
        assert_eq!(
            count_warnings(&pipeline, "cut off"),
            1,
            "{:?}",
            pipeline.failures()
        );
        assert_eq!(
            count_warnings(&pipeline, advice),
            1,
            "{:?}",
            pipeline.failures()
        );
        pipeline.stop();
    }
}

#[test]
fn an_answer_that_does_not_fit_the_schema_is_marked() {
    let service = Service::start();
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5");
    let pipeline = Pipeline::new(&service, &line);
    let schema =
        r#"{"type":"object","properties":{"people":{"type":"integer"}},"required":["people"]}"#;
    pipeline.sink.set_property("output-schema", schema);
    pipeline.play();
    // The emulator's own answers match the schema.
    let valid = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    assert!(!valid.has_field("schema-error"), "{valid}");
    let schema_error = |id: &str, result: &str| {
        let answer = send_answer(&service, &pipeline, id, json!({"result": result}));
        answer.get::<String>("schema-error").ok()
    };
    assert_eq!(schema_error("a", r#"{"people": 3}"#), None);
    let wrong = schema_error("b", r#"{"people": "three"}"#).expect("marked");
    assert!(wrong.starts_with("/people"), "{wrong}");
    let cut = schema_error("c", r#"{"people": "#).expect("marked");
    assert!(cut.contains("not JSON"), "{cut}");
}

#[test]
fn a_stalled_source_causes_a_warning_and_its_answers_are_marked() {
    let service = Service::start();
    let line = format!(
        "{LIVE} ! valve name=v ! overshootsink name=o interval-seconds=0.5 \
         o.text_src ! fakesink name=text async=false o.json_src ! appsink name=json async=false sync=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    let fresh = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    assert_eq!(fresh.get::<bool>("stale"), Ok(false));
    let valve = pipeline.pipeline.by_name("v").expect("there");
    valve.set_property("drop", true);
    let stalled_at = Instant::now();
    let reason = |message: &gst::Message, reason: &str| {
        let structure = message
            .structure()
            .filter(|s| s.name() == "overshoot-state")?;
        assert_eq!(
            structure
                .get::<&str>("state")
                .ok()
                .filter(|s| *s != "closed"),
            structure.get("state").ok()
        );
        (structure.get::<&str>("reason") == Ok(reason)).then_some(())
    };
    pipeline.wait_for("the stall", WAIT_TIMEOUT, |m| {
        reason(m, "the input has stalled")
    });
    let waited = stalled_at.elapsed();
    assert!(
        waited > Duration::from_secs(4) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    assert_eq!(count_warnings(&pipeline, "the source has stalled"), 1);

    let last = pipeline.sink.property::<String>("last-result");
    let old = send_answer(&service, &pipeline, "old", json!({"result": "of long ago"}));
    assert_eq!(old.get::<bool>("stale"), Ok(true));
    assert_eq!(pipeline.sink.property::<String>("last-result"), last);
    let json_pad = pipeline.pipeline.by_name("json").expect("there");
    let json_pad = json_pad.downcast::<gst_app::AppSink>().expect("an appsink");
    let marked = loop {
        let sample = json_pad
            .try_pull_sample(gst::ClockTime::from_seconds(5))
            .expect("a line");
        let map = sample
            .buffer()
            .expect("data")
            .map_readable()
            .expect("readable");
        let line: Value = serde_json::from_slice(&map).expect("JSON");
        if line["id"] == "old" {
            break line["stale"] == true;
        }
        assert_eq!(map.iter().filter(|byte| **byte == b'\n').count(), 1);
    };
    assert!(marked);

    valve.set_property("drop", false);
    pipeline.wait_for("the recovery", WAIT_TIMEOUT, |m| {
        reason(m, "the input goes on")
    });
    let new = send_answer(&service, &pipeline, "new", json!({"result": "of now"}));
    assert_eq!(new.get::<bool>("stale"), Ok(false));
    assert_eq!(pipeline.sink.property::<String>("last-result"), "of now");
    // This answer arrives now but is about the time of the stall.
    let late = json!({"result": "of then", "total_latency_ms": 1500.0});
    let late = send_answer(&service, &pipeline, "then", late);
    assert_eq!(late.get::<bool>("stale"), Ok(true));
    assert_eq!(count_warnings(&pipeline, "the source has stalled"), 1);
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn a_paused_pipeline_has_not_stalled() {
    let service = Service::start();
    let pipeline = live(&service, "");
    pipeline
        .pipeline
        .set_state(gst::State::Paused)
        .expect("paused");
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(
        count_warnings(&pipeline, "stalled"),
        0,
        "{:?}",
        pipeline.failures()
    );
    pipeline.play();
    let results = pipeline.results().len();
    pipeline.wait_for("more answers", WAIT_TIMEOUT, |_| {
        (pipeline.results().len() > results + 2).then_some(())
    });
    assert_eq!(
        count_warnings(&pipeline, "stalled"),
        0,
        "{:?}",
        pipeline.failures()
    );
}

#[test]
fn a_missing_answer_causes_a_warning_with_the_cause() {
    let service = Service::with(|config| config.inference_latency = Duration::from_secs(60));
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    let start = Instant::now();
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(20));
    // 10 s and two intervals, and up to a second until the next poll.
    let texts = ["11 s", "12 s"].map(|time| format!("No answer has come for {time}."));
    assert!(
        texts.iter().any(|text| failure.text.starts_with(text)),
        "{}",
        failure.text
    );
    assert!(
        failure.text.contains("The video arrives"),
        "{}",
        failure.text
    );
    assert!(start.elapsed() > Duration::from_secs(10));
}
