// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v0.2: the service pushes the model's answers.

use std::time::Duration;

use super::endpoint::{Behaviour, Endpoint, MODELS, answer_text};
use super::{
    ORANGE, WAIT_TIMEOUT, assert_key_is_secret, assert_pictures, is_ok, line, service, vlm,
    wait_for_result,
};
use crate::common::Pipeline;
use gst::prelude::*;
use overshoot_emulator::Vlm;
use serde_json::{Value, json};

#[test]
fn the_model_gets_frames_with_their_colours() {
    // The two sizes use the colour matrices of BT.601 and BT.709, and the encoder signals which one.
    for (size, caps) in [
        ((640, 360), "video/x-vp8"),
        ((640, 360), "video/x-h264"),
        ((1_280, 720), "video/x-vp8"),
        ((1_280, 720), "video/x-h264"),
    ] {
        let endpoint = Endpoint::start();
        let (service, log) = service("v0.2", vlm(&endpoint));
        let properties =
            format!("interval-seconds=0.3 max-output-tokens=20 video-caps={caps} prompt=Which?");
        let pipeline = Pipeline::new(&service, &line(size, &properties));
        pipeline.play();
        let posted = wait_for_result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_no_problems();
        let request = &endpoint.requests()[0];
        assert_pictures(request, size, 1);
        println!(
            "{caps} {size:?}: {:?} for {:?}",
            request.pictures[0].corner, ORANGE.1
        );
        assert_eq!(request.texts, [("user".to_owned(), "Which?".to_owned())]);
        let model = MODELS[0];
        assert_eq!(
            request.body["max_tokens"]
                .as_u64()
                .zip(request.body["model"].as_str()),
            Some((20, model))
        );
        assert_eq!(posted.text(), answer_text(request));
        assert_eq!(posted.structure.get("finish-reason"), Ok("length"));
        assert_eq!(posted.structure.get("model-name"), Ok(model));
        assert_key_is_secret(&pipeline, &log);
        service.assert_all_deleted();
    }
}

#[test]
fn a_clip_is_several_pictures_in_order() {
    let endpoint = Endpoint::start();
    let (service, _) = service("v0.2", vlm(&endpoint).model(MODELS[1]));
    let size = (320, 240);
    for (clip, count) in [
        ("target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5", 3),
        ("target-fps=10 clip-length-seconds=2 delay-seconds=0.5", 8),
    ] {
        let before = endpoint.requests().len();
        let pipeline = Pipeline::new(&service, &line(size, clip));
        pipeline.play();
        endpoint.wait("clips", |_| endpoint.requests().len() > before + 2);
        wait_for_result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_no_problems();
        // The first clips of a stream may lack a sample.
        let full = endpoint.requests().split_off(before);
        let full = full.iter().find(|request| request.pictures.len() == count);
        let full = full.unwrap_or_else(|| panic!("no clip of {count}"));
        assert_pictures(full, size, count);
        assert_eq!(full.body["model"], MODELS[1]);
        let time = |code: &Option<String>| {
            let json: Value = serde_json::from_str(code.as_deref().expect("a code")).expect("JSON");
            json["TIMESTAMP"]
                .as_str()
                .map_or_else(|| json["TIMESTAMP"].as_u64(), |t| t.parse().ok())
        };
        let times: Vec<_> = full.pictures.iter().map(|p| time(&p.code)).collect();
        assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    }
}

#[test]
fn schemas_and_new_prompts_reach_the_model() {
    let endpoint = Endpoint::start();
    let (service, _) = service("v0.2", vlm(&endpoint));
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    });
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=0.5 prompt=One?"),
    );
    pipeline
        .sink
        .set_property("output-schema", schema.to_string());
    pipeline.play();
    let posted = wait_for_result(&pipeline, is_ok);
    let request = endpoint.requests().remove(0);
    assert_eq!(
        request.body["response_format"],
        json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        })
    );
    let answer: Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert_eq!(answer, json!({"text": answer_text(&request)}));
    pipeline.sink.set_property("prompt", "Two?");
    endpoint.wait("the new prompt", |request| request.texts[0].1 == "Two?");
    let posted = wait_for_result(&pipeline, |posted| posted.text().contains("Two?"));
    assert_eq!(posted.structure.get("prompt"), Ok("Two?"));
    endpoint.assert_no_problems();
}

#[test]
fn a_failing_endpoint_causes_failed_answers_only() {
    let endpoint = Endpoint::start();
    let quick = vlm(&endpoint).timeout(Duration::from_secs(1));
    let (service, log) = service("v0.2", quick);
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    wait_for_result(&pipeline, is_ok);
    for (behaviour, reason) in [
        (Behaviour::Status(500), "refuses with 500: not today, …"),
        (Behaviour::Status(401), "refuses with 401: not today, …"),
        (Behaviour::Page, "is not JSON: <html>Please sign in."),
        (Behaviour::Hang, "gave no answer within 1 s"),
    ] {
        endpoint.set_behaviour(behaviour.clone());
        let posted = wait_for_result(&pipeline, |posted| {
            let error = posted.structure.get::<&str>("error");
            !is_ok(posted) && error.is_ok_and(|error| error.contains(reason))
        });
        let error: String = posted.structure.get("error").expect("a reason");
        println!("{behaviour:?}: {error}");
        assert!(
            error.starts_with(&format!("the model at {}", endpoint.url)),
            "{error}"
        );
    }
    endpoint.set_behaviour(Behaviour::Normal);
    let before = pipeline.results().len();
    pipeline.wait_for("answers again", WAIT_TIMEOUT, |_| {
        let results = pipeline.results();
        results.iter().skip(before + 1).any(is_ok).then_some(())
    });
    pipeline.stop();
    assert_eq!(
        service.stream().ended.map(|(_, reason)| reason.name()),
        Some("client_requested")
    );
    assert_eq!(
        pipeline
            .states()
            .iter()
            .filter(|s| *s == "reconnecting")
            .count(),
        0
    );
    assert_key_is_secret(&pipeline, &log);
    endpoint.assert_no_problems();
}

#[test]
fn an_unreachable_endpoint_is_named_at_the_start() {
    // Nobody listens there.
    let url = "http://127.0.0.1:1/v1";
    let (service, log) = service("v0.2", Vlm::new(url, None).expect("a good URL"));
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    let posted = wait_for_result(&pipeline, |posted| !is_ok(posted));
    let error: String = posted.structure.get("error").expect("a reason");
    assert!(
        error.contains(url) && error.contains("cannot be reached"),
        "{error}"
    );
    let events = log.lock().expect("no panic").clone();
    assert_eq!(events.matches("NoModel").count(), 1, "{events}");
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn the_next_request_waits_for_a_slow_model() {
    let pause = Duration::from_millis(700);
    for (parallel, properties) in [(1, "interval-seconds=0.1"), (2, "interval-seconds=0.1")] {
        let endpoint = Endpoint::start();
        endpoint.set_behaviour(Behaviour::Slow(pause));
        let (service, _) = service("v0.2", vlm(&endpoint).parallel(parallel));
        let pipeline = Pipeline::new(&service, &line((320, 240), properties));
        pipeline.play();
        pipeline.wait_for("five answers", WAIT_TIMEOUT, |_| {
            (pipeline.results().len() >= 5).then_some(())
        });
        pipeline.stop();
        let requests = endpoint.requests();
        let concurrent = requests.iter().map(|request| request.concurrent).max();
        assert_eq!(concurrent, Some(parallel - 1));
        // Only the requests that were open at the end have no answer.
        assert!(
            requests.len() <= pipeline.results().len() + 2 * parallel,
            "{}",
            requests.len()
        );
        for posted in pipeline.results() {
            let latency = |field: &str| posted.structure.get::<f64>(field).expect("a time");
            let (inference, total) = (latency("inference-latency-ms"), latency("total-latency-ms"));
            assert!(inference >= 690.0, "{inference}");
            assert!(total >= inference, "{total} of {inference}");
        }
    }
}
