// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v1: the service forwards questions to the model, and returns its answers.

use std::time::Duration;

use super::endpoint::{Behaviour, Endpoint, MODELS, VLM_KEY, answer_text};
use super::{assert_key_is_secret, assert_pictures, is_ok, line, service, vlm, wait_for_result};
use crate::common::{KEY, Pipeline, Service};
use overshoot_emulator::{Call, http_client};
use serde_json::{Value, json};

/// Sends a chat request to v1, in addition to the element's own requests. Returns the status code and the body.
fn ask(service: &Service, body: &Value) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let client = http_client()
            .expect("TLS")
            .no_proxy()
            .build()
            .expect("a client");
        let url = format!("{}/chat/completions", service.url);
        let result = client.post(url).bearer_auth(KEY).json(body).send().await;
        let mut response = result.expect("a response");
        let status = response.status().as_u16();
        let mut text = Vec::new();
        // A response that breaks off is returned, too.
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend(chunk);
        }
        (status, String::from_utf8(text).expect("text"))
    })
}

#[test]
fn questions_are_forwarded_and_answers_returned() {
    let endpoint = Endpoint::start();
    let (service, log) = service("v1", vlm(&endpoint));
    let size = (640, 360);
    let pipeline = Pipeline::new(&service, &line(size, "interval-seconds=0.5 prompt=Which?"));
    pipeline.play();
    let posted = wait_for_result(&pipeline, is_ok);
    let request = endpoint.requests().remove(0);
    assert_pictures(&request, size, 1);
    assert_eq!(posted.text(), answer_text(&request));
    assert_eq!(posted.structure.get("model-name"), Ok(MODELS[0]));
    service.wait("two seconds of pictures", |seen| {
        let frames = seen.streams.first().map(|stream| &stream.frames);
        let times = frames.and_then(|frames| frames.first().zip(frames.last()));
        times.is_some_and(|(first, last)| last.rtp_time > first.rtp_time + 2 * 90_000)
    });
    let id = service.stream().id;
    let video = format!("ovs://streams/{id}?start_offset_ms=-1000&max_fps=3");
    let mut body = json!({
        "model": MODELS[1],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "video_url", "video_url": {"url": video}},
                {"type": "text", "text": "What moves?"},
            ]},
        ],
        "temperature": 0.5,
        "max_completion_tokens": 33,
        "thread_id": "t",
    });
    let (status, text) = ask(&service, &body);
    assert_eq!(status, 200, "{text}");
    let request = endpoint.wait("the clip", |request| request.texts.len() == 2);
    assert!(
        (2..=4).contains(&request.pictures.len()),
        "{}",
        request.pictures.len()
    );
    assert_eq!(
        request.texts[0],
        ("system".to_owned(), "Be brief.".to_owned())
    );
    assert_eq!(request.texts[1].1, "What moves?");
    assert_eq!(request.body["max_tokens"], 33);
    assert_eq!(request.body["temperature"], 0.5);
    assert_eq!(request.body["model"], MODELS[1]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        answer_text(&request)
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens"], 1_234);
    assert_eq!(
        answer["overshoot"]["media"][0]["frame_count"],
        request.pictures.len()
    );
    let seen = service.control.snapshot();
    let recorded = seen.questions.iter().find(|q| q.prompt == "What moves?");
    assert_eq!(
        recorded.map(|q| q.answer.clone()),
        Some(answer_text(&request))
    );

    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body["messages"][1]["content"][1]["text"] = json!("And now?");
    let (status, text) = ask(&service, &body);
    assert_eq!(status, 200, "{text}");
    let events: Vec<&str> = text
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let chunks = events
        .iter()
        .filter_map(|event| event.strip_prefix("data: {"));
    let chunks: Vec<Value> = chunks
        .map(|chunk| serde_json::from_str(&format!("{{{chunk}")).expect("JSON"))
        .collect();
    let streamed: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    let request = endpoint.wait("chunks", |request| request.body["stream"] == true);
    assert_eq!(streamed, answer_text(&request));
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["usage"]["completion_tokens"] == 56)
    );
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["overshoot"]["media"].is_array())
    );
    service.wait("the emulator's record", |seen| {
        seen.questions
            .iter()
            .any(|q| q.prompt == "And now?" && q.chunks && q.answer == streamed)
    });

    endpoint.set_behaviour(Behaviour::BreakOff);
    let (status, text) = ask(&service, &body);
    assert!(
        status == 200 && text.contains("delta") && !text.contains("[DONE]"),
        "{text}"
    );
    endpoint.assert_no_problems();
    pipeline.stop();
    assert_key_is_secret(&pipeline, &log);
    service.assert_all_deleted();
}

#[test]
fn errors_of_the_endpoint_have_the_codes_of_v1() {
    let endpoint = Endpoint::start();
    let (service, log) = service("v1", vlm(&endpoint).timeout(Duration::from_secs(1)));
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=20 prompt=Which?"),
    );
    pipeline.play();
    wait_for_result(&pipeline, is_ok);
    let id = service.stream().id;
    let body = |stream: bool| {
        let url = format!("ovs://streams/{id}?frame_index=-1");
        json!({
            "model": "any",
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
            "stream": stream,
        })
    };
    for (behaviour, status, code) in [
        (Behaviour::Status(500), 502, "upstream_http_500"),
        (Behaviour::Status(401), 502, "upstream_http_401"),
        (Behaviour::Status(422), 400, "upstream_http_422"),
        (Behaviour::Status(429), 429, "upstream_http_429"),
        (Behaviour::Page, 502, "upstream_request_failed"),
        (Behaviour::Hang, 504, "upstream_timeout"),
    ] {
        for chunks in [false, true] {
            endpoint.set_behaviour(behaviour.clone());
            let (actual_status, text) = ask(&service, &body(chunks));
            let response: Value = serde_json::from_str(&text).expect("JSON");
            let error = &response["detail"]["error"];
            assert_eq!(
                (actual_status, error["code"].as_str()),
                (status, Some(code)),
                "{text}"
            );
            assert!(!text.contains(VLM_KEY), "{text}");
        }
    }
    endpoint.set_behaviour(Behaviour::Normal);
    assert_eq!(ask(&service, &body(false)).0, 200);
    pipeline.stop();
    assert_key_is_secret(&pipeline, &log);
    let seen = service.control.snapshot();
    assert!(seen.calls(Call::Models).all(|call| call.status == 200));
    service.assert_all_deleted();
}
