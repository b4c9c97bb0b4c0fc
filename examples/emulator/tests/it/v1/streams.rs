// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The calls on streams, keys, limits, regions, credits, faults (src/v1/mod.rs).

use std::time::{Duration, Instant};

use overshoot_emulator::{Call, EndReason, Fault, Source, Times};
use reqwest::Method;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::emulator::{Emulator, KEY, OTHER_KEY, code, detail, image, ok, send};
use super::pictures;

const REGION: &str = "x-overshoot-region";

#[tokio::test]
async fn a_stream_lives_and_ends() {
    let emulator = Emulator::start(|_| {}).await;
    let created = ok(emulator.request(Method::POST, "/v1beta/streams"), 201).await;
    let id = created["id"].as_str().expect("an id");
    assert_eq!(id.len(), 36);
    assert_eq!(created["state"], "active");
    assert_eq!(created["ttl_seconds"], 300);
    let publish = |body: &Value| {
        assert_eq!(body["publish"]["type"], "livekit");
        let url = body["publish"]["url"].as_str().expect("a URL");
        assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
        let token = body["publish"]["token"].as_str().expect("a token");
        token.to_owned()
    };
    let token = publish(&created);

    // Both base paths lead to it.
    let status = emulator.status(id).await;
    for field in [
        "stream_time_ms",
        "first_frame_at_ms",
        "last_frame_at_ms",
        "last_frame_index",
        "first_available_frame_index",
        "first_available_frame_at_ms",
        "recent_fps",
        "retained_frame_count",
        "evicted_frame_count",
        "ended_at_ms",
        "end_reason",
    ] {
        assert_eq!(status.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(
        (&status["id"], &status["state"]),
        (&json!(id), &json!("active"))
    );
    let expires = |body: &Value| body["expires_at_ms"].as_u64().expect("a time");
    let made = status["created_at_ms"].as_u64().expect("a time");
    assert_eq!(expires(&status) - made, 300_000);

    // Tokens have times in whole seconds (RFC 7519, NumericDate).
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let keepalive = emulator.post(&format!("/streams/{id}/keepalive"));
    let renewed = ok(keepalive, 200).await;
    assert_eq!(renewed["id"], id);
    assert_eq!(
        (&renewed["ttl_seconds"], &renewed["stream_time_ms"]),
        (&json!(300), &json!(0))
    );
    assert!(expires(&renewed) >= expires(&created) + 15);
    assert_ne!(publish(&renewed), token, "not fresh");

    let path = format!("/streams/{id}");
    for _ in 0..2 {
        let deleted = ok(emulator.delete(&path), 200).await;
        assert_eq!(deleted, json!({"id": id, "deleted": true}));
    }
    let status = emulator.status(id).await;
    assert_eq!(
        (&status["state"], &status["end_reason"]),
        (&json!("ended"), &json!("deleted"))
    );
    assert!(status["ended_at_ms"].as_u64() >= Some(made));
    detail(emulator.post(&format!("{path}/keepalive")), 404).await;

    let seen = emulator.control.snapshot();
    let stream = seen.stream(id).expect("a record");
    assert_eq!((stream.source, stream.keepalives), (Source::Livekit, 1));
    let reason = stream.ended.map(|(_, reason)| reason);
    assert_eq!(reason, Some(EndReason::ClientRequested));
    let all = format!("{seen:?}");
    assert!(
        !all.contains(KEY) && !all.contains(&token),
        "a secret in the record"
    );
    emulator.stop().await;
}

#[tokio::test]
async fn each_family_of_calls_has_its_error_format() {
    let emulator = Emulator::start(|_| {}).await;
    let id = emulator.create().await;
    let path = format!("/v1/streams/{id}");
    for (method, path) in [
        (Method::POST, "/v1/streams"),
        (Method::GET, &*path),
        (Method::DELETE, &*path),
        (Method::POST, "/v1/chat/completions"),
        (Method::GET, "/billing/accounts/me/balance"),
    ] {
        detail(emulator.without_key(method.clone(), path), 401).await;
        let wrong = emulator.without_key(method, path).bearer_auth("nobody");
        detail(wrong, 401).await;
    }
    for (method, path, status) in [
        (Method::GET, "/v1/streams", 405),
        (Method::GET, "/v1/nothing", 404),
        (Method::POST, "/v1/streams/x/config/prompt", 404),
        (Method::POST, "/v1/streams/nobody/keepalive", 404),
        (Method::GET, "/v1beta/streams/nobody", 404),
        (Method::DELETE, "/v1/streams/nobody", 404),
    ] {
        detail(emulator.request(method, path), status).await;
    }
    detail(emulator.post("/streams").body(vec![b' '; 300_000]), 413).await;
    // Here, unknown fields are ignored.
    ok(emulator.post("/streams").json(&json!({"name": 3})), 201).await;
    let body = ok(emulator.post("/streams").body("[]"), 422).await;
    assert_eq!(body["error"], "validation_error");
    ok(emulator.post("/streams").body("{nope"), 422).await;

    // Streams of another key, and of the other API.
    let stolen = |method, path: &str| emulator.without_key(method, path).bearer_auth(OTHER_KEY);
    detail(stolen(Method::GET, &path), 404).await;
    detail(stolen(Method::DELETE, &path), 404).await;
    detail(stolen(Method::POST, &format!("{path}/keepalive")), 404).await;
    let old = emulator.request(Method::DELETE, &format!("/v0.2/streams/{id}"));
    assert_eq!(
        ok(old, 404).await["error"],
        format!("stream {id} is not known")
    );

    // These calls need no key.
    let models = ok(emulator.without_key(Method::GET, "/v1/models"), 200).await;
    assert_eq!(models["object"], "list");
    let all = models["data"].as_array().expect("a list");
    for model in all {
        assert_eq!(
            (&model["object"], &model["owned_by"]),
            (&json!("model"), &json!("overshoot"))
        );
        assert!(model["id"].is_string() && model["created"].is_u64());
    }
    let count = |status| all.iter().filter(|model| model["status"] == status).count();
    assert_eq!((count("ready"), count("unavailable"), all.len()), (6, 2, 8));
    emulator.stop().await;
}

#[tokio::test]
async fn a_key_has_limits_for_streams_and_questions() {
    let emulator = Emulator::start(|config| config.chat_per_second = 3).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(emulator.create().await);
    }
    let full = send(emulator.post("/streams")).await;
    let header = |name| {
        let value = full.headers().get(name).expect(name);
        value.to_str().expect("text").parse::<u64>().expect(name)
    };
    assert_eq!(full.status(), 429);
    assert_eq!((header("retry-after"), header("x-ratelimit-limit")), (2, 5));
    assert_eq!(header("x-ratelimit-remaining"), 0);
    assert!(header("x-ratelimit-reset") > 1_700_000_000);
    // v0.2 counts the same streams; another key has its own limit.
    let old = emulator
        .request(Method::POST, "/v0.2/streams")
        .json(&json!({
            "source": {"type": "webrtc", "sdp": include_str!("../../offer.sdp")},
            "mode": "frame", "processing": {"interval_seconds": 1},
            "inference": {"prompt": "?", "backend": "overshoot", "model": super::emulator::MODEL},
        }));
    assert_eq!(send(old).await.status(), 429);
    let other = emulator.without_key(Method::POST, "/v1/streams");
    ok(other.bearer_auth(OTHER_KEY), 201).await;
    ok(emulator.delete(&format!("/streams/{}", ids[0])), 200).await;
    emulator.create().await;

    // A second may end between two requests: of eight, at least two are too many.
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let answer = send(emulator.ask(&[])).await;
        for name in ["limit", "remaining", "reset"] {
            let name = format!("x-ratelimit-{name}");
            assert!(answer.headers().contains_key(&name), "{name}");
        }
        let status = answer.status().as_u16();
        let retry = answer.headers().get(RETRY_AFTER);
        assert_eq!(retry.is_some_and(|after| after == "1"), status == 429);
        statuses.push(status);
    }
    let many = statuses.iter().filter(|status| **status == 429).count();
    assert!((2..=5).contains(&many), "{statuses:?}");
    emulator.stop().await;
}

#[tokio::test]
async fn leases_expire_and_credits_run_out() {
    let emulator = Emulator::start(|config| {
        config.lease_ttl = Duration::from_millis(1_500);
        config.credits_cents = Some(0.01);
    })
    .await;
    let balance = || emulator.request(Method::GET, "/billing/accounts/me/balance");
    let before = ok(balance(), 200).await;
    assert!(before["user_id"].is_string());
    assert_eq!(
        (&before["balance_cents"], &before["balance_microcents"]),
        (&json!(0), &json!(10_000))
    );
    let id = emulator.create().await;
    // 0.05 cents a second.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let keepalive = || emulator.post(&format!("/streams/{id}/keepalive"));
    detail(keepalive(), 402).await;
    detail(emulator.post("/streams"), 402).await;
    assert_eq!(code(emulator.ask(&[]), 402).await, "billing_denied");
    assert_eq!(ok(balance(), 200).await["balance_microcents"], 0);
    // The lease was not renewed.
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        let status = emulator.status(&id).await;
        if status["state"] == "ended" {
            break status;
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status["end_reason"], "expired");
    let time = |field: &str| status[field].as_u64().expect("a time");
    assert!(
        time("ended_at_ms") >= time("created_at_ms") + 1_500,
        "{status}"
    );
    detail(keepalive(), 404).await;
    assert_eq!(
        code(emulator.ask(&[image(&id, "frame_index=-1")]), 404).await,
        "stream_not_found"
    );
    emulator.stop().await;
}

#[tokio::test]
async fn a_region_must_be_named() {
    let emulator = Emulator::start(|config| config.region = Some("us-west1".to_owned())).await;
    for requested in [None, Some("us-central1")] {
        for path in ["/streams", "/chat/completions"] {
            let mut request = emulator.post(path);
            if let Some(region) = requested {
                request = request.header(REGION, region);
            }
            let response = send(request).await;
            assert_eq!(response.status(), 409);
            assert_eq!(response.headers()[REGION], "us-west1");
            let body: Value = response.json().await.expect("JSON");
            let expected = json!({"detail": {
                "error": "region_error",
                "expected_region": "us-west1",
                "requested_region": requested,
            }});
            assert_eq!(body, expected);
        }
    }
    let created = send(emulator.post("/streams").header(REGION, "us-west1")).await;
    assert_eq!(created.status(), 201);
    assert_eq!(created.headers()[REGION], "us-west1");
    // A wrong key does not learn the right region.
    detail(emulator.without_key(Method::POST, "/v1/streams"), 401).await;
    ok(emulator.get("/models"), 200).await;
    let seen = emulator.control.snapshot();
    let regions: Vec<Option<&str>> = seen
        .calls(Call::Create)
        .map(|request| request.region.as_deref())
        .collect();
    assert_eq!(regions, [None, Some("us-central1"), Some("us-west1"), None]);
    emulator.stop().await;

    // Without one, any region serves.
    let anywhere = Emulator::start(|_| {}).await;
    for (requested, serving) in [(None, "us-west1"), (Some("us-central1"), "us-central1")] {
        for (method, path, status) in [
            (Method::POST, "/v1/streams", 201),
            (Method::GET, "/v1beta/models", 200),
            (Method::GET, "/billing/accounts/me/balance", 200),
            (Method::GET, "/v1/streams/nobody", 404),
            (Method::GET, "/v1/nothing", 404),
            (Method::POST, "/v1/chat/completions", 422),
        ] {
            let mut request = anywhere.request(method, path);
            if let Some(region) = requested {
                request = request.header(REGION, region);
            }
            let response = send(request).await;
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()[REGION], serving, "{path}");
        }
    }
    anywhere.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_counted_and_evicted() {
    let pictures = tokio::task::spawn_blocking(|| pictures::numbered(30))
        .await
        .expect("pictures");
    let emulator = Emulator::start(|config| config.history = Duration::from_millis(950)).await;
    let id = emulator.stream(&pictures, 100).await;
    let status = emulator.status(&id).await;
    assert_eq!(status["last_frame_index"], 29);
    assert_eq!(status["first_available_frame_index"], 20);
    assert_eq!(status["retained_frame_count"], 10);
    assert_eq!(status["evicted_frame_count"], 20);
    let time = |field: &str| status[field].as_u64().expect(field);
    let after_first = |field| time(field) - time("first_frame_at_ms");
    assert_eq!(after_first("last_frame_at_ms"), 2_900);
    assert_eq!(after_first("first_available_frame_at_ms"), 2_000);
    assert!(time("stream_time_ms") >= 2_900, "{status}");
    for (query, status, expected) in [
        ("frame_index=19", 410, "frame_evicted"),
        ("frame_index=0", 410, "frame_evicted"),
        ("frame_index=-11", 410, "frame_evicted"),
        ("frame_index=30", 409, "frame_not_yet_produced"),
        ("timestamp_ms=1899", 404, "segment_empty"),
    ] {
        assert_eq!(
            code(emulator.ask(&[image(&id, query)]), status).await,
            expected,
            "{query}"
        );
    }
    ok(emulator.ask(&[image(&id, "frame_index=20")]), 200).await;

    // The last status stays.
    ok(emulator.delete(&format!("/streams/{id}")), 200).await;
    let ended = emulator.status(&id).await;
    for field in [
        "last_frame_index",
        "first_available_frame_index",
        "retained_frame_count",
        "evicted_frame_count",
        "first_frame_at_ms",
        "last_frame_at_ms",
    ] {
        assert_eq!(ended[field], status[field], "{field}");
    }
    assert_eq!(
        code(emulator.ask(&[image(&id, "frame_index=-1")]), 404).await,
        "stream_not_found"
    );
    emulator.stop().await;
}

#[tokio::test]
async fn every_call_can_go_wrong() {
    let emulator = Emulator::start(|_| {}).await;
    let id = emulator.create().await;
    let path = format!("/v1/streams/{id}");
    let keepalive = format!("{path}/keepalive");
    let viewer = format!("{path}/viewer-token");
    for (call, method, path) in [
        (Call::Create, Method::POST, "/v1/streams"),
        (Call::Get, Method::GET, &*path),
        (Call::Keepalive, Method::POST, &*keepalive),
        (Call::Models, Method::GET, "/v1/models"),
        (Call::Balance, Method::GET, "/billing/accounts/me/balance"),
        (Call::Pricing, Method::GET, "/v1/billing/pricing"),
        (Call::ViewerToken, Method::POST, &*viewer),
        (Call::Chat, Method::POST, "/v1/chat/completions"),
        (Call::Delete, Method::DELETE, &*path),
    ] {
        let request = || emulator.request(method.clone(), path);
        let control = &emulator.control;
        control.inject(call, Fault::detail(503, "draining"), Times::Once);
        assert_eq!(detail(request(), 503).await, "draining", "{call}");
        control.inject(call, Fault::Reset, Times::Once);
        assert!(request().send().await.is_err(), "{call}");
        control.inject(call, Fault::Truncated, Times::Once);
        let half = send(request()).await.text().await.expect("a body");
        let broken = serde_json::from_str::<Value>(&half).is_err();
        // An error response is not changed; chat had no question.
        assert_eq!(broken, call != Call::Chat, "{call}: {half}");
    }
    emulator.control.inject(
        Call::Chat,
        Fault::chat(504, "upstream_timeout"),
        Times::Once,
    );
    assert_eq!(code(emulator.ask(&[]), 504).await, "upstream_timeout");
    emulator.stop().await;
}
