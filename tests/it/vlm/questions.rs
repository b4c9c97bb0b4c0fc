//! The questions of API v1, passed on, and their answers.

use std::time::Duration;

use super::endpoint::{Endpoint, MODELS, Manner, VLM_KEY, words};
use super::{assert_secret, assert_shown, is_ok, line, result, service, vlm};
use crate::common::{KEY, Pipeline, Service};
use overshoot_emulator::{Call, http_client};
use serde_json::{Value, json};

/// A request to v1, beside the element's own.
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
        let sent = client.post(url).bearer_auth(KEY).json(body).send().await;
        let mut response = sent.expect("a response");
        let status = response.status().as_u16();
        let mut text = Vec::new();
        // What breaks off, too.
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend(chunk);
        }
        (status, String::from_utf8(text).expect("text"))
    })
}

#[test]
fn questions_of_v1_are_passed_on_and_answers_back() {
    let endpoint = Endpoint::start();
    let (service, told) = service("v1", vlm(&endpoint));
    let size = (640, 360);
    let pipeline = Pipeline::new(&service, &line(size, "interval-seconds=0.5 prompt=Which?"));
    pipeline.play();
    let posted = result(&pipeline, is_ok);
    let asked = endpoint.asked().remove(0);
    assert_shown(&asked, size, 1);
    assert_eq!(posted.text(), words(&asked));
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
    let asked = endpoint.wait("the clip", |asked| asked.texts.len() == 2);
    assert!(
        (2..=4).contains(&asked.pictures.len()),
        "{}",
        asked.pictures.len()
    );
    assert_eq!(
        asked.texts[0],
        ("system".to_owned(), "Be brief.".to_owned())
    );
    assert_eq!(asked.texts[1].1, "What moves?");
    assert_eq!(asked.body["max_tokens"], 33);
    assert_eq!(asked.body["temperature"], 0.5);
    assert_eq!(asked.body["model"], MODELS[1]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["choices"][0]["message"]["content"], words(&asked));
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens"], 1_234);
    assert_eq!(
        answer["overshoot"]["media"][0]["frame_count"],
        asked.pictures.len()
    );
    let seen = service.control.snapshot();
    let noted = seen.questions.iter().find(|q| q.prompt == "What moves?");
    assert_eq!(noted.map(|q| q.answer.clone()), Some(words(&asked)));

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
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    let asked = endpoint.wait("chunks", |asked| asked.body["stream"] == true);
    assert_eq!(said, words(&asked));
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
    service.wait("its record", |seen| {
        seen.questions
            .iter()
            .any(|q| q.prompt == "And now?" && q.chunks && q.answer == said)
    });

    endpoint.behaves(Manner::BreaksOff);
    let (status, text) = ask(&service, &body);
    assert!(
        status == 200 && text.contains("delta") && !text.contains("[DONE]"),
        "{text}"
    );
    endpoint.assert_content();
    pipeline.stop();
    assert_secret(&pipeline, &told);
    service.assert_all_deleted();
}

#[test]
fn what_the_endpoint_refuses_has_the_codes_of_v1() {
    let endpoint = Endpoint::start();
    let (service, told) = service("v1", vlm(&endpoint).timeout(Duration::from_secs(1)));
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=20 prompt=Which?"),
    );
    pipeline.play();
    result(&pipeline, is_ok);
    let id = service.stream().id;
    let body = |stream: bool| {
        let url = format!("ovs://streams/{id}?frame_index=-1");
        json!({
            "model": "any",
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
            "stream": stream,
        })
    };
    for (manner, status, code) in [
        (Manner::Status(500), 502, "upstream_http_500"),
        (Manner::Status(401), 502, "upstream_http_401"),
        (Manner::Status(422), 400, "upstream_http_422"),
        (Manner::Status(429), 429, "upstream_http_429"),
        (Manner::Page, 502, "upstream_request_failed"),
        (Manner::Hangs, 504, "upstream_timeout"),
    ] {
        for chunks in [false, true] {
            endpoint.behaves(manner.clone());
            let (got, text) = ask(&service, &body(chunks));
            let refusal: Value = serde_json::from_str(&text).expect("JSON");
            let error = &refusal["detail"]["error"];
            assert_eq!(
                (got, error["code"].as_str()),
                (status, Some(code)),
                "{text}"
            );
            assert!(!text.contains(VLM_KEY), "{text}");
        }
    }
    endpoint.behaves(Manner::Well);
    assert_eq!(ask(&service, &body(false)).0, 200);
    pipeline.stop();
    assert_secret(&pipeline, &told);
    let seen = service.control.snapshot();
    assert!(seen.calls(Call::Models).all(|call| call.status == 200));
    service.assert_all_deleted();
}
