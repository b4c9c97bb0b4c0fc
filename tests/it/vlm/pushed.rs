//! The answers that are pushed, by API v0.2.

use std::time::Duration;

use super::endpoint::{Endpoint, MODELS, Manner, words};
use super::{ORANGE, WAIT, assert_secret, assert_shown, is_ok, line, result, service, vlm};
use crate::common::Pipeline;
use gst::prelude::*;
use overshoot_emulator::Vlm;
use serde_json::{Value, json};

#[test]
fn frames_are_shown_with_their_colours() {
    // In the matrices of BT.601 and BT.709, both as the encoder says.
    for (size, caps) in [
        ((640, 360), "video/x-vp8"),
        ((640, 360), "video/x-h264"),
        ((1_280, 720), "video/x-vp8"),
        ((1_280, 720), "video/x-h264"),
    ] {
        let endpoint = Endpoint::start();
        let (service, told) = service("v0.2", vlm(&endpoint));
        let properties =
            format!("interval-seconds=0.3 max-output-tokens=20 video-caps={caps} prompt=Which?");
        let pipeline = Pipeline::new(&service, &line(size, &properties));
        pipeline.play();
        let posted = result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_content();
        let asked = &endpoint.asked()[0];
        assert_shown(asked, size, 1);
        println!(
            "{caps} {size:?}: {:?} for {:?}",
            asked.pictures[0].corner, ORANGE.1
        );
        assert_eq!(asked.texts, [("user".to_owned(), "Which?".to_owned())]);
        let told_model = MODELS[0];
        assert_eq!(
            asked.body["max_tokens"]
                .as_u64()
                .zip(asked.body["model"].as_str()),
            Some((20, told_model))
        );
        assert_eq!(posted.text(), words(asked));
        assert_eq!(posted.structure.get("finish-reason"), Ok("length"));
        assert_eq!(posted.structure.get("model-name"), Ok(told_model));
        assert_secret(&pipeline, &told);
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
        let before = endpoint.asked().len();
        let pipeline = Pipeline::new(&service, &line(size, clip));
        pipeline.play();
        endpoint.wait("clips", |_| endpoint.asked().len() > before + 2);
        result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_content();
        // The first clips of a stream may miss a sample while it starts.
        let full = endpoint.asked().split_off(before);
        let full = full.iter().find(|asked| asked.pictures.len() == count);
        let full = full.unwrap_or_else(|| panic!("no clip of {count}"));
        assert_shown(full, size, count);
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
        "properties": {"said": {"type": "string"}},
        "required": ["said"],
    });
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=0.5 prompt=One?"),
    );
    pipeline
        .sink
        .set_property("output-schema", schema.to_string());
    pipeline.play();
    let posted = result(&pipeline, is_ok);
    let asked = endpoint.asked().remove(0);
    assert_eq!(
        asked.body["response_format"],
        json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        })
    );
    let said: Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert_eq!(said, json!({"said": words(&asked)}));
    pipeline.sink.set_property("prompt", "Two?");
    endpoint.wait("the new prompt", |asked| asked.texts[0].1 == "Two?");
    let posted = result(&pipeline, |posted| posted.text().contains("Two?"));
    assert_eq!(posted.structure.get("prompt"), Ok("Two?"));
    endpoint.assert_content();
}

#[test]
fn an_endpoint_in_trouble_makes_failed_answers_and_nothing_worse() {
    let endpoint = Endpoint::start();
    let quick = vlm(&endpoint).timeout(Duration::from_secs(1));
    let (service, told) = service("v0.2", quick);
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    result(&pipeline, is_ok);
    for (manner, why) in [
        (Manner::Status(500), "refuses with 500: not today, …"),
        (Manner::Status(401), "refuses with 401: not today, …"),
        (Manner::Page, "is no JSON: <html>Please sign in."),
        (Manner::Hangs, "gave no answer within 1 s"),
    ] {
        endpoint.behaves(manner.clone());
        let posted = result(&pipeline, |posted| {
            let error = posted.structure.get::<&str>("error");
            !is_ok(posted) && error.is_ok_and(|error| error.contains(why))
        });
        let error: String = posted.structure.get("error").expect("a reason");
        println!("{manner:?}: {error}");
        assert!(
            error.starts_with(&format!("the model at {}", endpoint.url)),
            "{error}"
        );
    }
    endpoint.behaves(Manner::Well);
    let before = pipeline.results().len();
    pipeline.wait_for("answers again", WAIT, |_| {
        let results = pipeline.results();
        results.iter().skip(before + 1).any(is_ok).then_some(())
    });
    pipeline.stop();
    assert_eq!(
        service.stream().ended.map(|(_, why)| why.name()),
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
    assert_secret(&pipeline, &told);
    endpoint.assert_content();
}

#[test]
fn an_endpoint_that_is_not_there_is_named_at_the_start() {
    // A port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", port.local_addr().expect("an address"));
    drop(port);
    let (service, told) = service("v0.2", Vlm::new(&url, None).expect("a good URL"));
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    let posted = result(&pipeline, |posted| !is_ok(posted));
    let error: String = posted.structure.get("error").expect("a reason");
    assert!(
        error.contains(&url) && error.contains("cannot be reached"),
        "{error}"
    );
    let told = told.lock().expect("no panic").clone();
    assert_eq!(told.matches("NoModel").count(), 1, "{told}");
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_slow_model_skips_ticks() {
    let pause = Duration::from_millis(700);
    for (parallel, properties) in [(1, "interval-seconds=0.1"), (2, "interval-seconds=0.1")] {
        let endpoint = Endpoint::start();
        endpoint.behaves(Manner::Slowly(pause));
        let (service, _) = service("v0.2", vlm(&endpoint).parallel(parallel));
        let pipeline = Pipeline::new(&service, &line((320, 240), properties));
        pipeline.play();
        pipeline.wait_for("five answers", WAIT, |_| {
            (pipeline.results().len() >= 5).then_some(())
        });
        pipeline.stop();
        let asked = endpoint.asked();
        let beside = asked.iter().map(|asked| asked.beside).max();
        assert_eq!(beside, Some(parallel - 1));
        // Only what was being asked at the end is not answered.
        assert!(
            asked.len() <= pipeline.results().len() + 2 * parallel,
            "{}",
            asked.len()
        );
        for posted in pipeline.results() {
            let of = |field: &str| posted.structure.get::<f64>(field).expect("a time");
            let (inference, total) = (of("inference-latency-ms"), of("total-latency-ms"));
            assert!(inference >= 690.0, "{inference}");
            assert!(total >= inference, "{total} of {inference}");
        }
    }
}
