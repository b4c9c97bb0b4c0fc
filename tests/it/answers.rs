// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers on the bus, the pads, the signal and the property: each answer arrives everywhere, once and in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::SocketMessage;
use serde_json::{Value, json};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

/// Collects the samples of the appsink with this name.
fn collect_samples(pipeline: &Pipeline, name: &str) -> Arc<Mutex<Vec<gst::Sample>>> {
    let samples = Arc::new(Mutex::new(Vec::new()));
    let collected = samples.clone();
    pipeline
        .pipeline
        .by_name(name)
        .expect("the sink")
        .downcast::<gst_app::AppSink>()
        .expect("an appsink")
        .set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    collected.lock().expect("no panic").push(sample);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
    samples
}

/// The contents of the samples as text.
fn texts(samples: &Mutex<Vec<gst::Sample>>) -> Vec<String> {
    let samples = samples.lock().expect("no panic");
    samples
        .iter()
        .map(|sample| {
            let map = sample
                .buffer()
                .expect("a buffer")
                .map_readable()
                .expect("readable");
            String::from_utf8(map.to_vec()).expect("text")
        })
        .collect()
}

#[test]
fn every_output_has_every_answer() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true num-buffers=90 ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o o.text_src ! appsink name=text sync=false \
         o.json_src ! appsink name=json sync=false",
    );
    let (text, json) = (
        collect_samples(&pipeline, "text"),
        collect_samples(&pipeline, "json"),
    );
    let signalled = Arc::new(Mutex::new(Vec::new()));
    let collected = signalled.clone();
    pipeline.sink.connect("result", false, move |values| {
        let structure = values[1].get::<gst::Structure>().expect("a structure");
        collected.lock().expect("no panic").push(structure);
        None
    });
    let notified = Arc::new(Mutex::new(Vec::new()));
    let collected = notified.clone();
    pipeline
        .sink
        .connect_notify(Some("last-result"), move |sink, _| {
            let text = sink.property::<String>("last-result");
            collected.lock().expect("no panic").push(text);
        });
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));

    let stream = service.stream();
    let sent: Vec<String> = stream.answers.iter().map(|a| a.text.clone()).collect();
    assert!(sent.len() > 8, "{} answers", sent.len());
    let answers: Vec<String> = sent
        .iter()
        .map(|json| serde_json::from_str::<Value>(json).expect("JSON")["result"].clone())
        .map(|text| text.as_str().expect("a string").to_owned())
        .collect();

    let posted = pipeline.results();
    assert_eq!(posted.iter().map(|r| r.json()).collect::<Vec<_>>(), sent);
    assert_eq!(posted.iter().map(|r| r.text()).collect::<Vec<_>>(), answers);
    assert_eq!(texts(&text), answers);
    let lines: Vec<_> = sent.iter().map(|json| json.clone() + "\n").collect();
    assert_eq!(texts(&json), lines);
    assert_eq!(*notified.lock().expect("no panic"), answers);
    let signalled = signalled.lock().expect("no panic");
    assert_eq!(signalled.len(), posted.len());
    for (signalled, posted) in signalled.iter().zip(&posted) {
        assert_eq!(*signalled, posted.structure);
    }

    // The timestamp of a text buffer is the answer's arrival, which is also in the message.
    for (sample, posted) in text.lock().expect("no panic").iter().zip(&posted) {
        let time = posted.structure.get::<gst::ClockTime>("running-time");
        assert_eq!(sample.buffer().and_then(|b| b.pts()), time.ok());
    }
    // The analysed video is older than the answer by the service's own latency and a few milliseconds.
    for posted in &posted {
        let time = |name: &str| {
            posted
                .structure
                .get::<gst::ClockTime>(name)
                .expect("a time")
        };
        let latency = posted
            .structure
            .get::<f64>("total-latency-ms")
            .expect("a latency");
        let age = time("running-time").saturating_sub(time("capture-time"));
        let difference = age.nseconds() as f64 / 1e6 - latency;
        assert!(
            (-0.01..40.0).contains(&difference),
            "{age} is not {latency} ms"
        );
    }
}

#[test]
fn the_structure_is_the_documented_one() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    let result = pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    assert_eq!(result.get::<String>("stream-id").as_deref(), Ok(&*id));
    assert_eq!(result.get::<&str>("mode"), Ok("clip"));
    assert_eq!(result.get::<&str>("model-backend"), Ok("overshoot"));
    assert_eq!(result.get::<&str>("prompt"), Ok("What do you see?"));
    assert_eq!(result.get::<&str>("finish-reason"), Ok("stop"));
    assert_eq!(result.get::<bool>("ok"), Ok(true));
    assert!(result.get::<f64>("inference-latency-ms").is_ok());
    assert!(!result.has_field("error"), "absent fields are left out");
    assert!(
        result
            .get::<&str>("result")
            .expect("text")
            .contains("320x240")
    );
    assert_eq!(pipeline.sink.property::<String>("stream-id"), id);
}

#[test]
fn invalid_messages_are_skipped_with_a_warning() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        // The long interval keeps the emulator's own answers away.
        &format!("{LIVE} ! overshootsink name=o interval-seconds=60"),
    );
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    let garbage = [
        SocketMessage::Text(String::new()),
        SocketMessage::Text("hello".into()),
        SocketMessage::Text("[1, 2".into()),
        SocketMessage::Text(r#"{"id":"x","result":7}"#.into()),
        SocketMessage::Text("{}".into()),
        SocketMessage::Binary(vec![0, 255, 1]),
    ];
    let count = garbage.len();
    for message in garbage {
        assert!(service.control.send_on_socket(&id, message));
    }
    let valid = json!({"id": "after", "result": "still here", "future": {"field": true}});
    service
        .control
        .send_on_socket(&id, SocketMessage::Text(valid.to_string()));
    pipeline.wait_for("the valid answer", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok("after")).then_some(())
    });
    let failures = pipeline.failures();
    assert_eq!(failures.len(), count, "{failures:?}");
    for failure in failures {
        assert!(!failure.fatal);
        assert_eq!(failure.detail::<&str>("kind"), Some("protocol"));
        assert_eq!(failure.detail::<&str>("stage"), Some("socket"));
    }
    // There is no other effect.
    assert_eq!(service.control.snapshot().streams.len(), 1);
    assert_eq!(
        pipeline.states().last().map(String::as_str),
        Some("streaming")
    );
}

#[test]
fn an_answer_is_delivered_once_even_if_it_is_sent_again() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! overshootsink name=o interval-seconds=60"),
    );
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    for number in [1, 2, 1, 2, 3] {
        let answer = json!({"id": format!("n{number}"), "result": number.to_string()});
        service
            .control
            .send_on_socket(&id, SocketMessage::Text(answer.to_string()));
    }
    pipeline.wait_for("the last answer", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok("n3")).then_some(())
    });
    let texts: Vec<_> = pipeline.results()[1..].iter().map(|r| r.text()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
}

#[test]
fn a_failed_inference_is_posted_too() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! overshootsink name=o interval-seconds=60"),
    );
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    let failed = json!({"id": "f", "result": "", "ok": false, "error": "blocked by the provider"});
    service
        .control
        .send_on_socket(&id, SocketMessage::Text(failed.to_string()));
    let structure = pipeline.wait_for("the failed answer", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok("f")).then(|| structure.to_owned())
    });
    assert_eq!(structure.get::<bool>("ok"), Ok(false));
    assert_eq!(
        structure.get::<&str>("error"),
        Ok("blocked by the provider")
    );
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("answers-failed"), Ok(1), "{stats}");
}

#[test]
fn a_schema_shapes_the_answers() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    let schema = json!({
        "type": "object",
        "properties": {"width": {"type": "integer"}, "moving": {"type": "boolean"}},
        "required": ["width", "moving"],
    });
    pipeline
        .sink
        .set_property("output-schema", schema.to_string());
    pipeline.play();
    let result = pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let text = result.get::<&str>("result").expect("a text");
    let value: Value = serde_json::from_str(text).expect("the answer is JSON");
    assert_eq!(value["width"], 320);
    assert!(value["moving"].is_boolean());
    let body = service.control.snapshot().requests[0]
        .body
        .clone()
        .expect("a body");
    assert_eq!(body["inference"]["output_schema_json"], schema);
}

#[test]
fn a_blocked_reader_delays_nothing() {
    let service = Service::start();
    // Nobody pulls from the text sink, so it blocks its pad after the first answer.
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o interval-seconds=0.1 o.text_src ! appsink name=stuck max-buffers=1 sync=false",
    );
    pipeline.play();
    pipeline.wait_for("ten answers", Duration::from_secs(10), |_| {
        (pipeline.results().len() >= 10).then_some(())
    });
    let frames = service.stream().frames.len();
    service.wait("more frames", |seen| {
        seen.streams[0].frames.len() > frames + 20
    });
    let elapsed = pipeline.stop();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    service.assert_all_deleted();
}

#[test]
fn text_pads_can_be_added_and_removed_while_playing() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    for _ in 0..3 {
        let pad = pipeline.sink.request_pad_simple("json_src").expect("a pad");
        let appsink = gst_app::AppSink::builder().sync(false).build();
        pipeline.pipeline.add(&appsink).expect("added");
        appsink.sync_state_with_parent().expect("it plays");
        let sink_pad = appsink.static_pad("sink").expect("a pad");
        pad.link(&sink_pad).expect("linked");
        let sample = appsink
            .try_pull_sample(gst::ClockTime::from_seconds(5))
            .expect("an answer");
        let text = sample
            .buffer()
            .expect("a buffer")
            .map_readable()
            .expect("readable")
            .to_vec();
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        assert!(value["result"].is_string());
        assert_eq!(text.last(), Some(&b'\n'));
        pad.unlink(&sink_pad).expect("unlinked");
        pipeline.sink.release_request_pad(&pad);
        // The sink is removed before its state changes, because the pipeline may change its children's states itself.
        pipeline.pipeline.remove(&appsink).expect("removed");
        appsink.set_state(gst::State::Null).expect("it stops");
    }
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn the_element_sends_the_key_of_the_tests() {
    // The tests of secrets search for this key, so it must be the key that is sent.
    let service = Service::with(|config| config.api_keys = vec![format!("{KEY}x")]);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(gst::ResourceError::NotAuthorized), "{failure:?}");
}
