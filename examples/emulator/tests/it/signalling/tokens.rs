// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which tokens let a client join, in hosted rooms and elsewhere.

use super::refused;
use crate::support::Emulator;
use overshoot_emulator::{Call, Fault, Times};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn only_valid_tokens_are_accepted() {
    let emulator = Emulator::start(|_| {}).await;
    let other = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let validate = |token: &str| {
        let url = format!(
            "http://{}/rtc/validate?access_token={token}",
            emulator.address
        );
        let request = emulator.client.get(url).send();
        async { request.await.expect("a response") }
    };

    let (status, said) = refused(&room, "").await;
    assert_eq!(
        (status, said.as_str()),
        (401, "no permissions to access the room")
    );
    let (status, said) = refused(&room, "nonsense").await;
    assert!(status == 401 && said.starts_with("invalid token"), "{said}");
    let foreign = other.room().await.token;
    assert_eq!(refused(&room, &foreign).await.0, 401);
    assert_eq!(validate(&foreign).await.status(), 401);

    let good = validate(&room.token).await;
    assert_eq!(good.status(), 200);
    assert_eq!(good.text().await.expect("text"), "success");
    // A request without a WebSocket upgrade is 404.
    let url = format!(
        "http://{}/rtc?access_token={}",
        emulator.address, room.token
    );
    assert_eq!(
        emulator
            .client
            .get(url)
            .send()
            .await
            .expect("a response")
            .status(),
        404
    );
    let bad = format!(
        "http://{}/rtc/v1/validate?access_token={}",
        emulator.address, room.token
    );
    let bad = emulator.client.get(bad).send().await.expect("a response");
    assert_eq!(
        (
            bad.status().as_u16(),
            bad.text().await.expect("text").as_str()
        ),
        (400, "join_request is required")
    );

    let control = &emulator.control;
    control.inject(Call::Create, Fault::ExpiredToken, Times::Once);
    let expired = emulator.room().await;
    let (status, said) = refused(&expired, &expired.token).await;
    assert!(status == 401 && said.contains("xpired"), "{said}");
    // The keepalive returns a valid token, even for a room that nobody has joined.
    let path = format!("/streams/{}/keepalive", expired.id);
    let renewed: Value = emulator.post(&path, None).await.json().await.expect("JSON");
    let fresh = renewed["livekit_token"].as_str().expect("a token");
    assert_eq!(validate(fresh).await.status(), 200);

    emulator.delete(&room.id).await;
    assert_eq!(refused(&room, &room.token).await.0, 404, "its room is gone");
    let seen = format!("{:?}", emulator.control.snapshot());
    for token in [&room.token, &expired.token, &foreign] {
        assert!(!seen.contains(token.as_str()), "a token in the records");
    }
    other.stop().await;
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_elsewhere_must_accept_the_token() {
    let emulator = Emulator::start(|_| {}).await;
    let other = Emulator::start(|_| {}).await;
    let there = format!("ws://{}", other.address);
    for (url, token, field) in [
        // Nobody listens there.
        ("ws://127.0.0.1:1", "t", "url"),
        ("wss://127.0.0.1", "t", "url"),
        ("nowhere", "t", "url"),
        (there.as_str(), "t", "token"),
    ] {
        let source = json!({"type": "livekit", "url": url, "token": token});
        let refused = emulator.create(source).await;
        assert_eq!(refused.status(), 422, "{url}");
        let refused: Value = refused.json().await.expect("JSON");
        let place = &refused["details"][0]["loc"];
        assert_eq!(*place, json!(["body", "source", field]), "{refused}");
    }
    // A rejected create does not count among the key's streams.
    for _ in 0..5 {
        emulator.room().await;
    }
    other.stop().await;
    emulator.stop().await;
}
