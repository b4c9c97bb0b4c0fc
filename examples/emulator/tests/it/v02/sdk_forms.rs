// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Requests in the forms of the official SDKs, which use one HTTP client, and so one cookie jar, for all streams.

use std::sync::{Mutex, PoisonError};

use overshoot_emulator::Call;
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::emulator::{Emulator, KEY, MODEL, first_part, key, send};

/// A client that sends the newest cookie of any response with every request.
struct Sdk<'a> {
    emulator: &'a Emulator,
    jar: Mutex<String>,
}

impl Sdk<'_> {
    fn store(&self, cookie: String) {
        if !cookie.is_empty() {
            *self.jar.lock().unwrap_or_else(PoisonError::into_inner) = cookie;
        }
    }

    fn cookie(&self) -> String {
        let jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        jar.clone()
    }

    /// The Python SDK names the type of a body even if there is none.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self
            .emulator
            .client
            .request(method, self.emulator.url(path));
        let request = request
            .bearer_auth(KEY)
            .header(CONTENT_TYPE, "application/json")
            .header(COOKIE, self.cookie());
        let response = send(match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        })
        .await;
        let set = response.headers().get(SET_COOKIE);
        let set = set.and_then(|set| set.to_str().ok()).unwrap_or_default();
        self.store(first_part(set));
        response
    }

    async fn create(&self, body: Value) -> String {
        let response = self.call(Method::POST, "/streams", Some(body)).await;
        assert_eq!(response.status(), 201);
        let created: Value = response.json().await.expect("JSON");
        assert!(created["livekit"]["token"].is_string(), "{created}");
        created["stream_id"].as_str().expect("an id").to_owned()
    }

    async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let response = self.call(method, path, body).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

fn sdk(emulator: &Emulator) -> Sdk<'_> {
    Sdk {
        emulator,
        jar: Mutex::default(),
    }
}

#[tokio::test]
async fn one_jar_serves_several_streams() {
    let emulator = Emulator::start(|_| {}).await;
    let sdk = sdk(&emulator);
    // As the Python SDK writes them: no backend, and no source for the service's own room.
    let frame = json!({
        "processing": {"interval_seconds": 0.5},
        "inference": {"prompt": "what?", "model": MODEL},
        "mode": "frame",
    });
    let clip = json!({
        "processing": {"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 0.5},
        "inference": {"prompt": "what?", "model": MODEL, "output_schema_json": {"type": "boolean"}},
        "mode": "clip",
    });
    sdk.ok(Method::GET, "/models", None).await;
    let first = sdk.create(frame.clone()).await;
    // Two at once: the jar keeps the cookie of one.
    let (second, third) = tokio::join!(sdk.create(clip), sdk.create(frame));
    let ids = [first, second, third];
    for _ in 0..2 {
        for id in &ids {
            let path = format!("/streams/{id}/keepalive");
            let renewed = sdk.ok(Method::POST, &path, None).await;
            assert_eq!(
                (&renewed["status"], &renewed["stream_id"]),
                (&json!("ok"), &json!(id))
            );
            assert_eq!(renewed["state"], "pending");
        }
    }
    for id in &ids {
        let (mut socket, cookie) = emulator.socket(id, &sdk.cookie()).await.expect("a socket");
        sdk.store(cookie);
        key(&mut socket, KEY).await;
        let path = format!("/streams/{id}/config/prompt");
        let prompt = sdk
            .ok(Method::PATCH, &path, Some(json!({"prompt": "now?"})))
            .await;
        assert_eq!(prompt["prompt"], "now?");
    }
    for id in &ids {
        let ended = sdk
            .ok(Method::DELETE, &format!("/streams/{id}"), None)
            .await;
        assert_eq!(ended["status"], "ok");
    }
    let seen = emulator.control.snapshot();
    let refused = seen.requests.iter().filter(|request| request.status >= 400);
    assert_eq!(refused.count(), 0);
    assert_eq!(seen.calls(Call::Keepalive).count(), 6);

    // A jar that was never filled, or not updated, is a fault of the client still.
    // The example in the OpenAPI file.
    let minimal = json!({
        "processing": {"interval_seconds": 2.0},
        "inference": {"prompt": "Describe what you see", "model": "Qwen/Qwen3.5-9B"},
    });
    let id = sdk.create(minimal).await;
    let old = sdk.cookie();
    let path = format!("/streams/{id}/keepalive");
    sdk.ok(Method::POST, &path, None).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for jar in [old, "media-gateway-route=nobody".to_owned()] {
        sdk.store(jar.clone());
        let response = sdk.call(Method::POST, &path, None).await;
        assert_eq!(response.status(), 404, "{jar}");
    }
    emulator.stop().await;
}
