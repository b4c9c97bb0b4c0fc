// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tokens to watch a stream, and buying credits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::emulator::{Emulator, OTHER_KEY, blamed, detail, ok};
use crate::support::livekit_server;
use crate::support::publisher::{Publisher, python};
use crate::support::signalling::{Response, Signalling};

/// The claims of a token.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

async fn view(emulator: &Emulator, id: &str) -> (String, String) {
    let path = format!("/streams/{id}/viewer-token");
    let body = ok(emulator.post(&path), 200).await;
    let view = &body["view"];
    assert_eq!(view["expires_in_seconds"], 300, "{body}");
    let text = |field: &str| view[field].as_str().expect(field).to_owned();
    (text("url"), text("token"))
}

#[tokio::test]
async fn a_viewer_may_only_subscribe() {
    let emulator = Emulator::start(|_| {}).await;
    let id = emulator.create().await;
    let (url, token) = view(&emulator, &id).await;
    assert_eq!(url, format!("ws://{}", emulator.address));
    let told = claims(&token);
    let grants = json!({
        "room": id, "roomJoin": true,
        "canPublish": false, "canSubscribe": true, "canPublishData": false,
    });
    assert_eq!(told["video"], grants);
    let time = |name: &str| told[name].as_i64().expect(name);
    assert_eq!(time("exp") - time("nbf"), 300);
    let (_, other) = view(&emulator, &id).await;
    assert_ne!(told["sub"], claims(&other)["sub"], "two viewers at a time");
    // The emulator's own rooms do not send video to others.
    let refused = Signalling::connect(&url, &token, "").await.err();
    let (status, why) = refused.expect("not let in");
    assert_eq!(status, 403);
    assert!(why.contains("--livekit-url"), "{why}");

    let path = format!("/v1/streams/{id}/viewer-token");
    let stolen = emulator
        .without_key(Method::POST, &path)
        .bearer_auth(OTHER_KEY);
    detail(stolen, 404).await;
    detail(emulator.without_key(Method::POST, &path), 401).await;
    ok(emulator.delete(&format!("/streams/{id}")), 200).await;
    detail(emulator.request(Method::POST, &path), 404).await;
    emulator.stop().await;
}

/// On a LiveKit server, a viewer sees the publisher's track.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_joins_a_room_on_a_livekit_server() {
    let (Some(python), Some(binary)) = (python(), livekit_server::binary()) else {
        return;
    };
    let server = livekit_server::LivekitServer::start(&binary);
    let emulator = Emulator::start(|config| config.livekit = Some(server.settings())).await;
    let created = ok(emulator.post("/streams"), 201).await;
    let id = created["id"].as_str().expect("an id").to_owned();
    let publish = |field: &str| created["publish"][field].as_str().expect(field).to_owned();
    let publisher = Publisher::start(&python, &publish("url"), &publish("token"), &[]);
    publisher.says("published");
    let (url, token) = view(&emulator, &id).await;
    assert_eq!(url, server.url);
    let connected = Signalling::connect(&url, &token, "&auto_subscribe=1").await;
    let mut viewer = connected.expect("let in");
    let Some(Response::Join(join)) = viewer.next().await else {
        panic!("not a join")
    };
    let may = join
        .participant
        .and_then(|me| me.permission)
        .expect("permissions");
    assert_eq!(
        (may.can_subscribe, may.can_publish, may.can_publish_data),
        (true, false, false)
    );
    let mut others = join.other_participants;
    // The server announces the track when its video arrives.
    while !others.iter().any(|other| other.tracks.len() == 1) {
        let next = viewer.next().await.expect("the publisher's track");
        if let Response::Update(update) = next {
            others = update.participants;
        }
    }
    ok(emulator.delete(&format!("/streams/{id}")), 200).await;
    emulator.stop().await;
}

#[tokio::test]
async fn credits_are_bought_on_a_page() {
    let emulator = Emulator::start(|_| {}).await;
    let buy = |amount: Value| {
        let request = emulator.request(Method::POST, "/billing/checkout");
        request.json(&json!({"amount_cents": amount}))
    };
    for amount in [100, 2_500] {
        let bought = ok(buy(json!(amount)), 200).await;
        let url = bought["url"].as_str().expect("a URL");
        assert!(url.starts_with("https://"), "{url}");
    }
    for amount in [
        json!(99),
        json!(-100),
        json!(100.5),
        json!("100"),
        Value::Null,
    ] {
        assert_eq!(blamed(buy(amount)).await, "amount_cents");
    }
    let empty = emulator
        .request(Method::POST, "/billing/checkout")
        .json(&json!({}));
    assert_eq!(blamed(empty).await, "amount_cents");
    let nobody = emulator.without_key(Method::POST, "/billing/checkout");
    detail(nobody, 401).await;
    emulator.stop().await;
}
