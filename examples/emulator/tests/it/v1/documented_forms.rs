// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example requests that the service's OpenAPI file and its agent template contain.

use reqwest::Method;
use serde_json::{Value, json};

use super::emulator::{Emulator, content, ok, send};
use super::pictures::{self, Still};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The model of the examples.
const MODEL: &str = "google/gemma-4-26B-A4B-it";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_examples_are_answered() {
    let (frames, red) =
        tokio::task::spawn_blocking(|| (pictures::numbered(5), Still::Red.encoded("jpegenc")))
            .await
            .expect("pictures");
    let emulator = Emulator::start(|_| {}).await;
    let chat = |body: Value| {
        let request = emulator.request(Method::POST, "/v1beta/chat/completions");
        request.json(&body)
    };
    let text_only = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "Reply with exactly: ok"}],
        "max_completion_tokens": 8,
    });
    ok(chat(text_only), 200).await;
    let chunks = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "Reply with exactly: ok"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let streamed = send(chat(chunks)).await;
    assert_eq!(streamed.status(), 200);
    let streamed = streamed.text().await.expect("events");
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    let events: Vec<&str> = streamed
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .collect();
    let usage = events[events.len() - 2]
        .strip_prefix("data: ")
        .expect("an event");
    let usage: Value = serde_json::from_str(usage).expect("JSON");
    assert!(usage["usage"]["total_tokens"].is_u64(), "{usage}");
    assert_eq!(usage["overshoot"]["cache"]["cache_hit"], false, "{usage}");

    let id = emulator.stream(&frames, 100).await;
    let question = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What does it say on my shirt?"},
            {"type": "video_url", "video_url": {"url": format!("ovs://streams/{id}?start_offset_ms=-5000")}},
        ]}],
    });
    assert!(content(&ok(chat(question), 200).await).starts_with("640x360"));

    // The template for agents: a picture or the newest frame, and a schema in the system message.
    let schema = json!({
        "type": "object",
        "properties": {
            "summary": {"type": "string", "description": "one sentence describing the scene"},
            "objects": {"type": "array", "items": {"type": "string"}},
            "activity": {"type": "string", "description": "what is currently happening"},
            "alert": {"type": ["string", "null"], "description": "anything unusual"},
        },
        "required": ["summary", "objects", "activity", "alert"],
    });
    let system = format!(
        "You watch a video. Respond with a single JSON object matching this JSON schema, and nothing else:\n{schema}"
    );
    let newest = format!("ovs://streams/{id}?frame_index=-1");
    let inline = format!("data:image/jpeg;base64,{}", STANDARD.encode(red));
    for (url, size) in [(newest, "640x360"), (inline, "64x48")] {
        let body = json!({
            "model": MODEL,
            "max_completion_tokens": 512,
            "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": [
                    {"type": "text", "text": "Describe what is happening in the video."},
                    {"type": "image_url", "image_url": {"url": url}},
                ]},
            ],
        });
        let answer = ok(chat(body), 200).await;
        let said: Value = serde_json::from_str(content(&answer)).expect("JSON");
        let summary = said["summary"].as_str().expect("a summary");
        assert!(summary.starts_with(size), "{said}");
        assert_eq!(
            (&said["objects"], &said["alert"]),
            (&json!([]), &Value::Null)
        );
        assert!(said["activity"].is_string(), "{said}");
    }
    // It renews with an empty object, and every two minutes only.
    let keepalive = emulator.post(&format!("/streams/{id}/keepalive"));
    let renewed = ok(keepalive.json(&json!({})), 200).await;
    assert_eq!(renewed["ttl_seconds"], 300);
    emulator.stop().await;
}
