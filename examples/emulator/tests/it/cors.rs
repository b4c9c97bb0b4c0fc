// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Requests of pages from another origin, as browsers send them (WHATWG Fetch).

use overshoot_emulator::{Call, Config, Fault, Times};
use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Method, Response};
use serde_json::json;

use crate::running_emulator::Running;

const PAGE: &str = "http://page.example:3000";
const KEY: &str = "key-a";

/// Whether a browser lets the page read the response, which came to a request with cookies.
fn readable(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    is("access-control-allow-origin", PAGE) && is("access-control-allow-credentials", "true")
}

/// The parts of a list, in lower case.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let list = headers.get(name).expect(name).to_str().expect("text");
    let parts = list.split(',').map(|part| part.trim().to_ascii_lowercase());
    parts.collect()
}

async fn send(emulator: &Running, method: Method, path: &str, key: &str, body: &str) -> Response {
    let url = format!("http://{}{path}", emulator.address);
    let request = emulator.client.request(method, url).header(ORIGIN, PAGE);
    let request = request.header("content-type", "application/json");
    let sent = request.bearer_auth(key).body(body.to_owned()).send().await;
    sent.expect("a response")
}

#[tokio::test]
async fn pages_of_other_origins_may_use_both_apis() {
    let emulator = Running::start(Config {
        api_keys: vec![KEY.to_owned()],
        ..Config::default()
    })
    .await;
    // OpenAI's SDK for JavaScript sends headers of its own.
    let asked = "authorization,content-type,x-overshoot-region,x-stainless-os";
    for (method, path) in [
        (Method::POST, "/v0.2/streams"),
        (Method::PATCH, "/v0.2/streams/a/config/prompt"),
        (Method::DELETE, "/v0.2/streams/a"),
        (Method::POST, "/v1/chat/completions"),
        (Method::GET, "/v1beta/streams/a"),
        (Method::GET, "/billing/accounts/me/balance"),
        (Method::GET, "/nothing"),
    ] {
        let url = format!("http://{}{path}", emulator.address);
        let preflight = emulator
            .client
            .request(Method::OPTIONS, url)
            .header(ORIGIN, PAGE)
            .header("access-control-request-method", method.as_str())
            .header("access-control-request-headers", asked);
        let allowed = preflight.send().await.expect("a response");
        assert!(
            allowed.status().is_success(),
            "{path}: {}",
            allowed.status()
        );
        assert!(readable(allowed.headers()), "{path}: {allowed:?}");
        let methods = list(allowed.headers(), "access-control-allow-methods");
        assert!(
            methods.contains(&method.as_str().to_ascii_lowercase()),
            "{methods:?}"
        );
        let headers = list(allowed.headers(), "access-control-allow-headers");
        assert_eq!(headers.join(","), asked);
    }
    let minimal = json!({
        "processing": {"interval_seconds": 2.0},
        "inference": {"prompt": "?", "model": "Qwen/Qwen3-VL-30B-A3B-Instruct"},
    });
    let fault = Fault::detail(503, "draining");
    emulator.control.inject(Call::Get, fault, Times::Once);
    for (method, path, key, body, status) in [
        (
            Method::POST,
            "/v0.2/streams",
            KEY,
            &*minimal.to_string(),
            201,
        ),
        (Method::POST, "/v0.2/streams", KEY, "{}", 422),
        (Method::POST, "/v0.2/streams", "nobody", "{}", 401),
        (Method::GET, "/v0.2/streams", KEY, "", 405),
        (Method::POST, "/v1/streams", KEY, "", 201),
        (Method::POST, "/v1/streams", "nobody", "", 401),
        (Method::GET, "/v1/streams/a", KEY, "", 503),
        (Method::GET, "/v1/streams/a", KEY, "", 404),
        (Method::POST, "/v1/chat/completions", KEY, "{}", 422),
        (Method::GET, "/v1/nothing", KEY, "", 404),
        (Method::GET, "/nothing", KEY, "", 404),
        (Method::POST, "/billing/checkout", KEY, "{}", 422),
    ] {
        let response = send(&emulator, method, path, key, body).await;
        assert_eq!(response.status(), status, "{path}");
        assert!(readable(response.headers()), "{path}: {response:?}");
        let exposed = list(response.headers(), "access-control-expose-headers");
        for name in [
            "x-request-id",
            "x-overshoot-region",
            "retry-after",
            "x-ratelimit-remaining",
        ] {
            assert!(exposed.contains(&name.to_owned()), "{name}: {exposed:?}");
        }
    }
    // No page asked for this.
    let url = format!("http://{}/v1/models", emulator.address);
    let plain = emulator.client.get(&url).send().await.expect("a response");
    assert!(!plain.headers().contains_key("access-control-allow-origin"));
    // Not a preflight.
    let options = emulator.client.request(Method::OPTIONS, &url).send().await;
    assert_eq!(options.expect("a response").status(), 405);
    emulator.stop().await;
}
