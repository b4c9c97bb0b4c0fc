// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use axum::http::StatusCode;
use serde_json::json;

use super::*;

fn body() -> Value {
    json!({
        "source": {"type": "webrtc", "sdp": "v=0"},
        "mode": "clip",
        "processing": {"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 0.5},
        "inference": {"prompt": "what?", "backend": "overshoot", "model": "Qwen/Qwen3-VL-30B-A3B-Instruct"},
    })
}

/// The body with the value at `pointer` replaced; the parent must be an object.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = body();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("an object")
        .insert(field.to_owned(), value);
    body
}

fn without(pointer: &str) -> Value {
    let mut body = body();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("an object")
        .remove(field);
    body
}

fn check(body: &Value) -> Result<(StreamPlan, Source), V02Error> {
    create(body, Some(&Model::defaults()))
}

fn clip_form(processing: Value) -> Value {
    with("/processing", processing)
}

#[test]
fn a_good_body_is_read() {
    let (plan, source) = check(&body()).expect("good");
    assert_eq!(source, Source::Offer("v=0".to_owned()));
    assert_eq!(plan.max_tokens, 64);
    assert_eq!(
        plan.sampling,
        Sampling::Clip {
            target_fps: 6,
            length: 0.5,
            delay: 0.5
        }
    );
}

#[test]
fn the_legacy_form_and_the_frame_mode_are_read() {
    let legacy =
        json!({"fps": 30, "sampling_ratio": 0.7, "clip_length_seconds": 0.2, "delay_seconds": 0.2});
    let (plan, _) = check(&clip_form(legacy)).expect("legacy");
    assert!(matches!(
        plan.sampling,
        Sampling::Clip { target_fps: 21, .. }
    ));
    assert_eq!(plan.max_tokens, 25);
    let mut frame = with("/processing", json!({"interval_seconds": 0.1}));
    frame["mode"] = json!("frame");
    let (plan, _) = check(&frame).expect("frame");
    assert_eq!(plan.sampling, Sampling::Frame { interval: 0.1 });
    assert_eq!(plan.max_tokens, 12);
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let (plan, _) = check(&without("/mode")).expect("a clip");
    assert_eq!(plan.sampling.mode(), Mode::Clip);
    let mut frame = without("/mode");
    frame["processing"] = json!({"interval_seconds": 0.5});
    let (plan, _) = check(&frame).expect("a frame");
    assert_eq!(plan.sampling, Sampling::Frame { interval: 0.5 });
    let (plan, _) = check(&without("/inference/backend")).expect("good");
    assert_eq!(plan.backend, "overshoot");
    for schema in [
        json!(true),
        json!({"type": "boolean"}),
        json!({"type": "array", "items": {"enum": ["a", "b"]}}),
    ] {
        let (plan, _) =
            check(&with("/inference/output_schema_json", schema.clone())).expect("good");
        assert_eq!(plan.schema, Some(schema));
    }
    for client in [json!(null), json!({}), json!({"request_id": "x"})] {
        assert!(check(&with("/client", client)).is_ok());
    }
    let native = with("/source", json!({"type": "native"}));
    assert_eq!(check(&native).map(|(_, source)| source), Ok(Source::Room));
}

#[test]
fn each_limit_names_its_field() {
    let clip = |name: &str, value: Value| with(&format!("/processing/{name}"), value);
    let table = [
        (with("/extra", json!(1)), "extra"),
        (with("/source/extra", json!(1)), "source.extra"),
        (with("/source/url", json!("wss://x")), "source.url"),
        (with("/source/type", json!("rtmp")), "source.type"),
        (with("/source/sdp", json!("")), "source.sdp"),
        (without("/source/sdp"), "source.sdp"),
        (with("/mode", json!("movie")), "mode"),
        (with("/client", json!({"name": "x"})), "client.name"),
        (with("/source/type", json!("native")), "source.sdp"),
        (without("/processing"), "processing"),
        (without("/inference"), "inference"),
        (with("/inference", json!([])), "inference"),
        (clip("frames", json!(1)), "processing.frames"),
        (
            clip("interval_seconds", json!(1)),
            "processing.interval_seconds",
        ),
        (clip("target_fps", json!(0)), "processing.target_fps"),
        (clip("target_fps", json!(31)), "processing.target_fps"),
        (clip("target_fps", json!(6.5)), "processing.target_fps"),
        (clip("target_fps", json!("6")), "processing.target_fps"),
        (
            clip("clip_length_seconds", json!(0.09)),
            "processing.clip_length_seconds",
        ),
        (
            clip("clip_length_seconds", json!(61)),
            "processing.clip_length_seconds",
        ),
        (
            clip("clip_length_seconds", json!(0.4)),
            "processing.clip_length_seconds",
        ),
        (
            clip("delay_seconds", json!(-0.1)),
            "processing.delay_seconds",
        ),
        (
            clip("delay_seconds", json!(60.1)),
            "processing.delay_seconds",
        ),
        (clip("delay_seconds", json!(0)), "processing.delay_seconds"),
        (
            clip("delay_seconds", json!(null)),
            "processing.delay_seconds",
        ),
        (clip("fps", json!(30)), "processing"),
        (clip("sampling_ratio", json!(1)), "processing"),
        (with("/inference/extra", json!(1)), "inference.extra"),
        (with("/inference/prompt", json!("  ")), "inference.prompt"),
        (without("/inference/prompt"), "inference.prompt"),
        (
            with("/inference/backend", json!("openai")),
            "inference.backend",
        ),
        (
            with("/inference/model", json!("nobody/none")),
            "inference.model",
        ),
        (
            with("/inference/max_output_tokens", json!(65)),
            "inference.max_output_tokens",
        ),
        (
            with("/inference/max_output_tokens", json!(0)),
            "inference.max_output_tokens",
        ),
        (
            with("/inference/max_output_tokens", json!(1.5)),
            "inference.max_output_tokens",
        ),
        (
            with("/inference/output_schema_json", json!("{}")),
            "inference.output_schema_json",
        ),
        (
            with("/inference/output_schema_json", json!(false)),
            "inference.output_schema_json",
        ),
        (
            with(
                "/inference/output_schema_json",
                json!({"type": "object", "properties": {"a": {"type": "strnig"}}}),
            ),
            "inference.output_schema_json",
        ),
    ];
    for (body, field) in table {
        let error = check(&body).expect_err(field);
        assert_eq!(error.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(error.field.as_deref(), Some(field), "{}", error.message);
        assert!(error.message.starts_with(field), "{}", error.message);
    }
}

#[test]
fn a_field_error_is_in_the_details() {
    let error = check(&without("/inference/prompt")).expect_err("no prompt");
    let place = json!(["body", "inference", "prompt"]);
    let details = json!([{"loc": place, "msg": "is required", "type": "value_error"}]);
    assert_eq!(error.words(), ("Request validation failed", details));
    let other = V02Error::not_found("stream a is not known");
    assert_eq!(other.words(), ("stream a is not known", Value::Null));
}

#[test]
fn the_legacy_form_has_limits_too() {
    let legacy = |fps: Value, ratio: Value| {
        clip_form(
            json!({"fps": fps, "sampling_ratio": ratio, "clip_length_seconds": 60, "delay_seconds": 1}),
        )
    };
    for (fps, ratio, field) in [
        (json!(0), json!(1), "processing.fps"),
        (json!(121), json!(0.1), "processing.fps"),
        (json!(29.97), json!(1), "processing.fps"),
        (json!(30), json!(1.1), "processing.sampling_ratio"),
        (json!(30), json!(-0.1), "processing.sampling_ratio"),
        (json!(30), json!(0.03), "processing.sampling_ratio"),
        (json!(120), json!(0.09), "processing.sampling_ratio"),
        (json!(60), json!(1), "processing.sampling_ratio"),
    ] {
        let error = check(&legacy(fps, ratio)).expect_err(field);
        assert_eq!(error.field.as_deref(), Some(field), "{}", error.message);
    }
    assert!(check(&legacy(json!(120), json!(0.25))).is_ok());
}

#[test]
fn each_model_status_has_its_own_http_status() {
    let of = |name: &str| check(&with("/inference/model", json!(name))).expect_err(name);
    let saturated = of("Qwen/Qwen3-VL-32B-Instruct-FP8");
    assert_eq!(saturated.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(saturated.retry_after.is_some());
    let unavailable = of("OpenGVLab/InternVL3_5-8B");
    assert_eq!(unavailable.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        check(&with(
            "/inference/model",
            json!("OpenGVLab/InternVL3_5-30B-A3B")
        ))
        .is_ok()
    );
}

#[test]
fn a_source_may_be_a_room() {
    let source = |body: Value| check(&body).map(|(_, source)| source);
    assert_eq!(source(without("/source")), Ok(Source::Room));
    let livekit = json!({"type": "livekit", "url": "ws://x", "token": "t"});
    let read = source(with("/source", livekit.clone()));
    assert!(matches!(read, Ok(Source::Livekit { url, .. }) if url == "ws://x"));
    for (field, value) in [
        ("token", json!("")),
        ("url", json!(1)),
        ("sdp", json!("v=0")),
    ] {
        let mut bad = livekit.clone();
        bad[field] = value;
        let error = source(with("/source", bad)).expect_err(field);
        assert_eq!(error.field, Some(format!("source.{field}")));
    }
}

#[test]
fn the_other_bodies_are_strict_too() {
    assert_eq!(prompt(&json!({"prompt": "new"})), Ok("new".to_owned()));
    assert!(prompt(&json!({"prompt": ""})).is_err());
    assert!(prompt(&json!({"prompt": "a", "model": "b"})).is_err());
    assert!(feedback(&json!({"rating": 5, "category": "good", "feedback": "x"})).is_ok());
    assert!(feedback(&json!({"rating": "5", "category": "good"})).is_err());
    let good =
        json!({"result_id": "r", "prompt": "p", "model": "gemini-2.0-flash", "temperature": 0.1});
    assert!(clip(&good, Some(&Model::defaults())).is_ok());
    let mut hot = good.clone();
    hot["temperature"] = json!(3);
    assert!(clip(&hot, Some(&Model::defaults())).is_err());
    let mut odd = good;
    odd["top_p"] = json!(1);
    assert!(clip(&odd, Some(&Model::defaults())).is_err());
}
