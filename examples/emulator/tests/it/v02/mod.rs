// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The HTTP calls and the socket of v0.2, without media, by the rules in src/v02/mod.rs.

mod emulator;
mod faults;
mod sdk_forms;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use overshoot_emulator::{Call, EndReason, SocketMessage, TurnServer};
use reqwest::StatusCode;
use reqwest::header::COOKIE;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use emulator::{Emulator, KEY, MODEL, OFFER, OTHER_KEY, body, closed, cookie, key, refusal, send};

#[tokio::test]
async fn a_stream_lives_and_ends() {
    let turn = TurnServer {
        urls: vec!["turn:127.0.0.1:3478".to_owned()],
        username: "u".to_owned(),
        credential: "c".to_owned(),
    };
    let emulator = Emulator::start(|config| {
        config.turn_servers = vec![turn];
        config.credits_cents = Some(100.0);
    })
    .await;
    let response = send(emulator.post("/streams").json(&body())).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let first = cookie(&response);
    let created: Value = response.json().await.expect("JSON");
    let id = created["stream_id"].as_str().expect("an id");
    assert_eq!(created["webrtc"]["type"], "answer");
    let answer = created["webrtc"]["sdp"].as_str().expect("SDP");
    for part in [
        "a=ice-lite",
        "VP8/90000",
        "a=fingerprint:sha-256 ",
        "a=candidate:",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert!(!answer.contains("H264"));
    assert_eq!(created["lease"]["ttl_seconds"], 30);
    assert_eq!(created["turn_servers"][0]["username"], "u");

    let keepalive = |cookie: &str| {
        let path = format!("/streams/{id}/keepalive");
        emulator.post(&path).header(COOKIE, cookie)
    };
    let response = send(keepalive(&first)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let second = cookie(&response);
    assert_ne!(first, second);
    let renewed: Value = response.json().await.expect("JSON");
    assert!(
        renewed["credits_remaining_cents"]
            .as_f64()
            .is_some_and(|left| left < 100.0)
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    refusal(send(keepalive(&first)).await, 404).await;

    let prompt = emulator
        .client
        .patch(emulator.url(&format!("/streams/{id}/config/prompt")))
        .bearer_auth(KEY)
        .header(COOKIE, &second)
        .json(&json!({"prompt": "and now?"}));
    let changed: Value = send(prompt).await.json().await.expect("JSON");
    assert_eq!(changed["prompt"], "and now?");
    assert_eq!(changed["model"], MODEL);

    let feedback = |rating: Value| {
        emulator
            .post(&format!("/streams/{id}/feedback"))
            .header(COOKIE, &second)
            .json(&json!({"rating": rating, "category": "accuracy", "feedback": "good"}))
    };
    assert_eq!(send(feedback(json!(5))).await.status(), StatusCode::OK);
    refusal(send(feedback(json!("5"))).await, 422).await;
    let listed: Value = send(emulator.get("/streams/feedback"))
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(listed[0]["stream_id"], id);

    let delete = || {
        let url = emulator.url(&format!("/streams/{id}"));
        emulator
            .client
            .delete(url)
            .bearer_auth(KEY)
            .header(COOKIE, &second)
    };
    assert_eq!(send(delete()).await.status(), StatusCode::OK);
    assert_eq!(send(delete()).await.status(), StatusCode::NO_CONTENT);
    let message = refusal(send(keepalive(&second)).await, 404).await;
    assert!(message.contains("client_requested"), "{message}");
    let seen = emulator.control.snapshot();
    let stream = seen.stream(id).expect("a record");
    assert_eq!(stream.prompts, ["what?", "and now?"]);
    assert_eq!(stream.keepalives, 1);
    assert!(!format!("{seen:?}").contains(KEY), "a key in the record");
    emulator.stop().await;
}

#[tokio::test]
async fn requests_are_checked_strictly() {
    let emulator = Emulator::start(|_| {}).await;
    let client = &emulator.client;
    let streams = emulator.url("/streams");
    refusal(send(client.post(&streams).json(&body())).await, 401).await;
    refusal(
        send(client.post(&streams).bearer_auth("nope").json(&body())).await,
        401,
    )
    .await;
    refusal(send(client.get(emulator.url("/models"))).await, 401).await;
    assert_eq!(
        send(client.get(emulator.url("/healthz"))).await.status(),
        StatusCode::OK
    );
    let elsewhere = format!("http://{}/v3/streams", emulator.address);
    let message = refusal(send(client.post(elsewhere)).await, 404).await;
    assert!(message.contains("/v0.2"), "{message}");
    refusal(send(emulator.get("/streams")).await, 405).await;
    refusal(
        send(emulator.post("/streams").body(body().to_string())).await,
        415,
    )
    .await;
    let garbage = emulator
        .post("/streams")
        .header("content-type", "application/json; charset=utf-8");
    refusal(send(garbage.body("{nope")).await, 400).await;
    let big = emulator
        .post("/streams")
        .header("content-type", "application/json");
    refusal(send(big.body(vec![b' '; 300_000])).await, 413).await;
    let mut unknown = body();
    unknown["inference"]["temperature"] = json!(1);
    let message = refusal(send(emulator.post("/streams").json(&unknown)).await, 422).await;
    assert!(message.contains("inference.temperature"), "{message}");
    for (sdp, hint) in [
        ("garbage".to_owned(), "not a usable offer"),
        (OFFER.replace("a=sendonly", "a=recvonly"), "not sent"),
        (
            OFFER
                .replace("VP8/90000", "H261/90000")
                .replace("H264/90000", "H263/90000"),
            "no common codec",
        ),
    ] {
        let mut bad = body();
        bad["source"]["sdp"] = json!(sdp);
        let message = refusal(send(emulator.post("/streams").json(&bad)).await, 422).await;
        assert!(message.contains(hint), "{message}");
    }
    let clip = json!({"result_id": "nobody", "prompt": "p", "model": MODEL});
    refusal(
        send(emulator.post("/chat/completions/clip").json(&clip)).await,
        404,
    )
    .await;
    let models: Value = send(emulator.get("/models"))
        .await
        .json()
        .await
        .expect("JSON");
    let statuses: Vec<&str> = models
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["status"].as_str())
        .collect();
    for status in ["ready", "degraded", "saturated", "unavailable"] {
        assert!(statuses.contains(&status), "{models}");
    }
    let unauthorized = emulator.control.snapshot();
    assert_eq!(
        unauthorized
            .calls(Call::Create)
            .filter(|r| r.status == 401)
            .count(),
        2
    );
    emulator.stop().await;
}

#[tokio::test]
async fn keys_have_limits_and_see_only_their_own() {
    let emulator = Emulator::start(|config| config.max_streams_per_key = 2).await;
    let (first, route) = emulator.create().await;
    emulator.create().await;
    let full = send(emulator.post("/streams").json(&body())).await;
    assert!(full.headers().contains_key("retry-after"));
    refusal(full, 429).await;
    let other = emulator
        .client
        .delete(emulator.url(&format!("/streams/{first}")));
    let stolen = other.bearer_auth(OTHER_KEY).header(COOKIE, &route);
    refusal(send(stolen).await, 404).await;
    let own = emulator
        .client
        .delete(emulator.url(&format!("/streams/{first}")));
    let own = send(own.bearer_auth(KEY).header(COOKIE, &route)).await;
    assert_eq!(own.status(), StatusCode::OK);
    emulator.create().await;
    emulator.stop().await;
}

#[tokio::test]
async fn expired_leases_are_reported_on_the_socket() {
    let emulator = Emulator::start(|config| config.lease_ttl = Duration::from_millis(400)).await;
    let (id, route) = emulator.create().await;
    let (mut socket, renewed) = emulator.socket(&id, &route).await.expect("a socket");
    assert_ne!(route, renewed);
    key(&mut socket, KEY).await;
    let (code, reason) = closed(&mut socket).await;
    assert_eq!(
        (code, reason.as_str()),
        (1001, "stream ended: lease_expired")
    );
    let seen = emulator.control.snapshot();
    let ended = seen.stream(&id).and_then(|stream| stream.ended);
    assert_eq!(
        ended.map(|(_, reason)| reason),
        Some(EndReason::LeaseExpired)
    );
    assert_eq!(emulator.socket(&id, &renewed).await.err(), Some(404));
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_strict() {
    let emulator = Emulator::start(|_| {}).await;
    let (id, route) = emulator.create().await;
    assert_eq!(emulator.socket(&id, "a=b").await.err(), Some(404));
    assert_eq!(emulator.socket("nobody", &route).await.err(), Some(404));
    let mut route = route;
    for first in [
        json!({"api_key": OTHER_KEY}).to_string(),
        json!({"api_key": KEY, "more": 1}).to_string(),
        "hello".to_owned(),
        "[]".to_owned(),
    ] {
        let (mut socket, renewed) = emulator.socket(&id, &route).await.expect("a socket");
        route = renewed;
        socket.send(Message::text(first)).await.expect("sent");
        assert_eq!(closed(&mut socket).await.0, 1008);
    }
    let (mut socket, renewed) = emulator.socket(&id, &route).await.expect("a socket");
    key(&mut socket, KEY).await;
    let connected = |seen: &overshoot_emulator::Snapshot| {
        seen.stream(&id)
            .is_some_and(|stream| stream.socket_connections == 1)
    };
    let control = emulator.control.clone();
    tokio::task::block_in_place(|| control.wait(Duration::from_secs(2), connected))
        .expect("connected");
    // The record is made just before the socket receives answers.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let text = SocketMessage::Text("{nope".to_owned());
    assert!(control.send_on_socket(&id, text));
    assert!(
        matches!(socket.next().await, Some(Ok(Message::Text(text))) if text.as_str() == "{nope")
    );
    assert!(control.send_on_socket(&id, SocketMessage::Reset));
    assert!(matches!(socket.next().await, Some(Err(_))));
    let (mut socket, _) = emulator.socket(&id, &renewed).await.expect("a socket");
    key(&mut socket, KEY).await;
    assert!(control.end_stream(&id, EndReason::InsufficientCredits));
    let (code, reason) = closed(&mut socket).await;
    assert_eq!(
        (code, reason.as_str()),
        (1001, "stream ended: insufficient_credits")
    );
    emulator.stop().await;
}

#[tokio::test]
async fn credits_run_out() {
    let emulator = Emulator::start(|config| {
        config.credits_cents = Some(0.001);
        config.lease_ttl = Duration::from_millis(500);
    })
    .await;
    let (id, route) = emulator.create().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let keepalive = emulator.post(&format!("/streams/{id}/keepalive"));
    refusal(send(keepalive.header(COOKIE, route)).await, 402).await;
    refusal(send(emulator.post("/streams").json(&body())).await, 402).await;
    let control = emulator.control.clone();
    let ended = move |seen: &overshoot_emulator::Snapshot| {
        let ended = seen.stream(&id).and_then(|stream| stream.ended);
        ended.is_some_and(|(_, reason)| reason == EndReason::InsufficientCredits)
    };
    let waited =
        tokio::task::spawn_blocking(move || control.wait(Duration::from_secs(2), ended).is_ok());
    assert!(waited.await.expect("joined"));
    emulator.stop().await;
}
