// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An emulator on a free port, and the calls of v1.

use std::ops::Deref;
use std::time::{Duration, Instant};

use overshoot_emulator::{Codec, Config, FedFrame};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::running_emulator::Running;

pub const KEY: &str = "key-a";
pub const OTHER_KEY: &str = "key-b";
pub const MODEL: &str = "Qwen/Qwen3-VL-30B-A3B-Instruct";

pub struct Emulator {
    running: Running,
}

impl Deref for Emulator {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Emulator {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            api_keys: vec![KEY.to_owned(), OTHER_KEY.to_owned()],
            inference_latency: Duration::ZERO,
            chat_per_second: 10_000,
            ..Config::default()
        };
        change(&mut config);
        Emulator {
            running: Running::start(config).await,
        }
    }

    /// A request to any path of the host, with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.without_key(method, path).bearer_auth(KEY)
    }

    pub fn without_key(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, &format!("/v1{path}"))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("/v1{path}"))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, &format!("/v1{path}"))
    }

    pub async fn create(&self) -> String {
        let created = ok(self.post("/streams"), 201).await;
        created["id"].as_str().expect("an id").to_owned()
    }

    pub async fn status(&self, id: &str) -> Value {
        ok(self.get(&format!("/streams/{id}")), 200).await
    }

    /// A stream with these pictures. The first one arrived so long ago that the last one arrives now.
    pub async fn stream(&self, pictures: &[Vec<u8>], period_ms: u32) -> String {
        let id = self.create().await;
        let count = u32::try_from(pictures.len()).expect("few");
        let period = Duration::from_millis(period_ms.into());
        let start = Instant::now()
            .checked_sub(period * count)
            .expect("the machine runs for longer");
        for (n, picture) in (0..).zip(pictures) {
            let fed = self.control.feed(
                &id,
                FedFrame {
                    codec: Codec::Vp8,
                    data: picture.clone(),
                    rtp_time: u64::from(n * period_ms * 90),
                    arrived: start + period * n,
                    keyframe: true,
                },
            );
            assert!(fed, "frame {n}");
            // No more at a time than the decoder's queue holds.
            if n % 32 == 31 {
                self.until_newest(&id, n).await;
            }
        }
        self.until_newest(&id, count - 1).await;
        id
    }

    async fn until_newest(&self, id: &str, index: u32) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.status(id).await;
            if status["last_frame_index"] == index {
                return;
            }
            assert!(Instant::now() < deadline, "{status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A question with these parts.
    pub fn ask(&self, parts: &[Value]) -> RequestBuilder {
        self.post("/chat/completions").json(&question(parts))
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

pub fn question(parts: &[Value]) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": parts}]})
}

pub fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

pub fn image(id: &str, query: &str) -> Value {
    let url = format!("ovs://streams/{id}?{query}");
    json!({"type": "image_url", "image_url": {"url": url}})
}

pub fn video(id: &str, query: &str) -> Value {
    let url = format!("ovs://streams/{id}?{query}");
    json!({"type": "video_url", "video_url": {"url": url}})
}

pub async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("a response")
}

/// The body of a response that must have this status.
pub async fn ok(request: RequestBuilder, status: u16) -> Value {
    let response = send(request).await;
    let got = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.text().await.expect("a body");
    assert_eq!(got, status, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// The text of a `{"detail": "…"}` error.
pub async fn detail(request: RequestBuilder, status: u16) -> String {
    let body = ok(request, status).await;
    assert_eq!(body.as_object().map(|map| map.len()), Some(1), "{body}");
    body["detail"].as_str().expect("a detail").to_owned()
}

/// The code of a `{"detail": {"error": …}}` error.
pub async fn code(request: RequestBuilder, status: u16) -> String {
    let body = ok(request, status).await;
    let error = &body["detail"]["error"];
    assert!(error["message"].is_string() && error["type"].is_string());
    error["code"].as_str().expect("a code").to_owned()
}

/// The field that a validation error names.
pub async fn blamed(request: RequestBuilder) -> String {
    let body = ok(request, 422).await;
    assert_eq!(body["error"], "validation_error", "{body}");
    assert!(body["message"].is_string(), "{body}");
    let detail = &body["details"][0];
    assert!(
        detail["msg"].is_string() && detail["type"].is_string(),
        "{body}"
    );
    let place = detail["loc"].as_array().expect("a place");
    assert_eq!(place[0], "body");
    place
        .last()
        .and_then(Value::as_str)
        .expect("a field")
        .to_owned()
}

/// The content of an answer.
pub fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("content")
}
