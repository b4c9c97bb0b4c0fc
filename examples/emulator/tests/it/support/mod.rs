// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the tests of rooms share: an emulator, and its HTTP calls.

use std::ops::Deref;
use std::time::Duration;

use overshoot_emulator::{Config, Snapshot, Stream};
use reqwest::Response;
use serde_json::{Value, json};

pub mod livekit_server;
pub mod publisher;
pub mod signalling;

use crate::running_emulator::Running;

pub const KEY: &str = "key-a";
/// How long an expected event may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Emulator {
    running: Running,
}

impl Deref for Emulator {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// A stream with a room.
pub struct Room {
    pub id: String,
    pub url: String,
    pub token: String,
}

impl Emulator {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            sticky: false,
            ..Config::default()
        };
        change(&mut config);
        Emulator {
            running: Running::start(config).await,
        }
    }

    /// Sends a create with this source; `null`: without a source.
    pub async fn create(&self, source: Value) -> Response {
        let mut body = json!({
            "mode": "frame",
            "processing": {"interval_seconds": 0.5},
            "inference": {
                "prompt": "what?",
                "backend": "overshoot",
                "model": "Qwen/Qwen3-VL-30B-A3B-Instruct",
            },
        });
        if !source.is_null() {
            body["source"] = source;
        }
        self.post("/streams", Some(body)).await
    }

    pub async fn post(&self, path: &str, body: Option<Value>) -> Response {
        let url = format!("http://{}/v0.2{path}", self.address);
        let mut request = self.client.post(url).bearer_auth(KEY);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("a response")
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/v0.2{path}", self.address);
        let sent = self.client.get(url).bearer_auth(KEY).send().await;
        sent.expect("a response").json().await.expect("JSON")
    }

    pub async fn delete(&self, id: &str) {
        let url = format!("http://{}/v0.2/streams/{id}", self.address);
        let sent = self.client.delete(url).bearer_auth(KEY).send().await;
        assert_eq!(sent.expect("a response").status(), 200);
    }

    /// Creates a stream without a source, which has a room.
    pub async fn room(&self) -> Room {
        let response = self.create(Value::Null).await;
        let status = response.status();
        let created: Value = response.json().await.expect("JSON");
        assert_eq!(status, 201, "{created}");
        assert_eq!(created.get("webrtc"), None);
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Room {
            id: text(&created["stream_id"]),
            url: text(&created["livekit"]["url"]),
            token: text(&created["livekit"]["token"]),
        }
    }

    /// Waits until a condition holds for a stream. Needs a multi-threaded runtime.
    pub fn until(&self, id: &str, what: &str, holds: impl Fn(&Stream) -> bool) -> Stream {
        let holds = |seen: &Snapshot| seen.stream(id).is_some_and(&holds);
        let seen = tokio::task::block_in_place(|| self.control.wait(PATIENCE, holds));
        match seen {
            Ok(seen) => seen.stream(id).cloned().expect("the stream"),
            Err(seen) => {
                let mut stream = seen.stream(id).cloned().expect("the stream");
                stream.frames.clear();
                stream.samples.clear();
                panic!("{what} did not come: {stream:?}")
            }
        }
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}
