// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of the HTTP calls and of the socket.

use std::time::Duration;

use overshoot_emulator::{Call, Fault, Times};
use reqwest::StatusCode;
use serde_json::Value;

use super::emulator::{Emulator, KEY, body, closed, key, send};

#[tokio::test]
async fn faults_are_injected() {
    let emulator = Emulator::start(|config| {
        config.sticky = false;
        config.max_streams_per_key = 10;
    })
    .await;
    let control = &emulator.control;
    let fault = Fault::Status {
        code: 502,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: "<html>".to_owned(),
        content_type: "text/html".to_owned(),
    };
    control.inject(Call::Create, fault, Times::Once);
    let response = send(emulator.post("/streams").json(&body())).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.text().await.expect("text"), "<html>");

    control.inject(Call::Create, Fault::Reset, Times::Once);
    assert!(
        emulator
            .post("/streams")
            .json(&body())
            .send()
            .await
            .is_err()
    );

    control.inject(
        Call::Health,
        Fault::Delay(Duration::from_millis(200)),
        Times::Once,
    );
    let before = std::time::Instant::now();
    send(emulator.get("/healthz")).await;
    assert!(before.elapsed() >= Duration::from_millis(200));

    for (fault, part) in [
        (Fault::AnswerWithoutVideo, "m=video 0 "),
        (Fault::GarbageSdp, "not a session description"),
        (Fault::InactiveAnswer, "a=inactive\r\n"),
        (Fault::LooseAnswer, "a=rtcp-mux \r\n"),
        (Fault::WrongFingerprint, "a=fingerprint:sha-256 "),
    ] {
        control.inject(Call::Create, fault, Times::Once);
        let created: Value = send(emulator.post("/streams").json(&body()))
            .await
            .json()
            .await
            .expect("JSON");
        let sdp = created["webrtc"]["sdp"].as_str().expect("SDP");
        assert!(sdp.contains(part), "{sdp}");
    }

    // Served, then changed by the fault.
    let page = Fault::Body {
        body: "<html>".to_owned(),
        content_type: "text/html".to_owned(),
    };
    let drip = Fault::Drip(Duration::from_millis(20));
    let whole = r#"{"status":"ok"}"#;
    for (fault, expected) in [
        (page, "<html>"),
        (Fault::Truncated, r#"{"statu"#),
        (drip, whole),
    ] {
        control.inject(Call::Health, fault, Times::Once);
        let before = std::time::Instant::now();
        let response = send(emulator.get("/healthz")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.text().await.expect("text"), expected);
        let slow = before.elapsed() >= Duration::from_millis(20) * 15;
        assert_eq!(slow, expected == whole);
    }

    let (id, _) = emulator.create().await;
    control.inject(Call::Socket, Fault::RefuseKey, Times::Once);
    let (mut socket, _) = emulator.socket(&id, "a=b").await.expect("a socket");
    key(&mut socket, KEY).await;
    assert_eq!(closed(&mut socket).await.0, 1008);

    // A request that hangs does not delay the emulator's stop.
    control.inject(Call::Models, Fault::Hang, Times::Always);
    let hanging = emulator
        .get("/models")
        .timeout(Duration::from_millis(200))
        .send()
        .await;
    assert!(hanging.is_err_and(|error| error.is_timeout()));
    let hanging = tokio::spawn(emulator.get("/models").send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    emulator.stop().await;
    assert!(hanging.await.expect("joined").is_err());
}
