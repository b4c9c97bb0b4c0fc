// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Rooms with real parts: LiveKit's Python SDK publishes, and the emulator decodes, in a room that it hosts
//! and in a room on livekit-server.

use std::time::Duration;

use crate::support::livekit_server::{self, API_KEY, SECRET};
use crate::support::publisher::{Publisher, python};
use crate::support::{Emulator, PATIENCE, Room};
use base64::Engine;
use overshoot_emulator::{Call, EndReason, LeaveAction, SignalMessage, Source, Stream};
use ring::hmac;
use serde_json::{Value, json};

/// Red as the SDK encodes it (BT.601, limited range): luma 81.
const RED: &str = "ff0000";
const RED_LUMA: f32 = 81.0;
/// Green: luma 145.
const GREEN: &str = "00ff00";
const GREEN_LUMA: f32 = 145.0;

fn shows(stream: &Stream, luma: f32) -> bool {
    shows_at(stream, luma, (320, 240))
}

fn shows_at(stream: &Stream, luma: f32, size: (u32, u32)) -> bool {
    let enough = stream.frames.len() > 10;
    enough
        && stream.frames.last().is_some_and(|frame| {
            (frame.width, frame.height) == size && (frame.luma - luma).abs() < 4.0
        })
}

/// The timestamps must increase, or the sampler would not take a frame as a new one.
fn flows(stream: &Stream) -> bool {
    let mut pairs = stream.frames.windows(2);
    pairs.all(|pair| pair[0].rtp_time < pair[1].rtp_time)
}

/// Publishes into a hosted room, and returns the stream once the colour has arrived.
fn published(emulator: &Emulator, room: &Room, options: &[&str], luma: f32) -> Option<Publisher> {
    let publisher = Publisher::start(&python()?, &room.url, &room.token, options);
    let sid = publisher.says("joined");
    let track = publisher.says("published");
    assert!(track.starts_with("TR_V"), "{track}");
    let stream = emulator.until(&room.id, "the colour", |stream| shows(stream, luma));
    assert_eq!(stream.source, Source::Livekit);
    assert_eq!(stream.joins.len(), 1);
    assert_eq!(stream.joins[0].participant, sid);
    Some(publisher)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_publishes_over_one_connection_and_over_two() {
    let emulator = Emulator::start(|_| {}).await;
    for (options, colour, luma) in [
        (&["--codec", "vp8"][..], RED, RED_LUMA),
        (&["--codec", "h264", "--dual"][..], GREEN, GREEN_LUMA),
        (&["--codec", "vp9", "--dual"][..], RED, RED_LUMA),
    ] {
        let room = emulator.room().await;
        let options = [options, &["--colour", colour]].concat();
        let Some(mut publisher) = published(&emulator, &room, &options, luma) else {
            return;
        };
        let stream = emulator.until(&room.id, "the codec", |stream| stream.codec.is_some());
        let codec = stream.codec.expect("a codec").name();
        assert!(
            codec.eq_ignore_ascii_case(options[1]),
            "{codec} for {options:?}"
        );
        let path = if options.contains(&"--dual") {
            "/rtc"
        } else {
            "/rtc/v1"
        };
        let seen = emulator.control.snapshot();
        let joined = seen.calls(Call::Signal).last().expect("a join");
        assert_eq!((joined.path.as_str(), joined.status), (path, 101));
        publisher.leave();
        let ended = emulator.until(&room.id, "the end", |stream| stream.ended.is_some());
        let (_, reason) = ended.ended.expect("an end");
        assert_eq!(reason, EndReason::LivekitDisconnected);
    }
    emulator.stop().await;
}

/// What keepalives and `info` say about the frames.
#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_whether_frames_arrive() {
    let emulator = Emulator::start(|config| config.credits_cents = Some(1_000.0)).await;
    let room = emulator.room().await;
    let state = async || {
        let path = format!("/streams/{}/keepalive", room.id);
        let renewed: Value = emulator.post(&path, None).await.json().await.expect("JSON");
        assert!(renewed["credits_remaining_cents"].is_u64(), "{renewed}");
        renewed["state"].as_str().expect("a state").to_owned()
    };
    let info = async || {
        let path = format!("/streams/{}/info", room.id);
        emulator.get(&path).await
    };
    assert_eq!(state().await, "pending");
    let before = info().await;
    assert_eq!(before["state"], "pending");
    assert_eq!(
        (&before["fps"], &before["frame_width"]),
        (&json!(0.0), &Value::Null)
    );
    let Some(_publisher) = published(&emulator, &room, &["--colour", RED], RED_LUMA) else {
        return;
    };
    assert_eq!(state().await, "active");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = info().await;
    assert_eq!(after["source_type"], "native");
    assert_eq!(after["state"], "active");
    assert!(
        after["fps"].as_f64().is_some_and(|fps| fps > 5.0),
        "{after}"
    );
    let seen = emulator.control.snapshot();
    let frame = seen.streams[0].frames.last().expect("a frame");
    assert_eq!(after["frame_width"], frame.width);
    assert_eq!(after["effective_height"], frame.height);
    assert!(after["inferences_completed"].as_u64() > Some(0), "{after}");
    assert_eq!(after["inferences_failed"], 0);
    // Of the answers that were written to a socket.
    assert_eq!(after["last_inference_latency_seconds"], Value::Null);
    let path = format!("/streams/{}/spectate", room.id);
    let viewer: Value = emulator.post(&path, None).await.json().await.expect("JSON");
    assert!(viewer["livekit"]["token"].is_string(), "{viewer}");
    assert!(emulator.control.cut_media(&room.id, PATIENCE));
    let deadline = std::time::Instant::now() + PATIENCE;
    while state().await != "idle" {
        assert!(std::time::Instant::now() < deadline, "never idle");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    emulator.delete(&room.id).await;
    emulator.stop().await;
}

/// Simulcast: of several layers (the SDK makes three at this size) the largest is decoded. It comes last,
/// when the SDK trusts the bandwidth.
#[tokio::test(flavor = "multi_thread")]
async fn the_best_layer_is_decoded() {
    let Some(python) = python() else { return };
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let options = ["--simulcast", "--colour", RED, "--size", "960x540"];
    let publisher = Publisher::start(&python, &room.url, &room.token, &options);
    publisher.says("published");
    let stream = emulator.until(&room.id, "the largest layer", |stream| {
        shows_at(stream, RED_LUMA, (960, 540))
    });
    let sizes: Vec<u32> = stream.frames.iter().map(|frame| frame.width).collect();
    assert!(sizes.is_sorted(), "once better, not worse again: {sizes:?}");
    assert!(flows(&stream), "each layer goes on from the one before");
    emulator.delete(&room.id).await;
    emulator.stop().await;
}

/// The SDK's own resume, after its connection was reset: the same participant, the same media.
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_resumes() {
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let Some(publisher) = published(&emulator, &room, &["--colour", RED], RED_LUMA) else {
        return;
    };
    let reset = emulator
        .control
        .send_on_signal(&room.id, SignalMessage::Reset);
    assert!(reset);
    publisher.says("reconnected");
    let stream = emulator.until(&room.id, "the resume", |stream| stream.joins.len() == 2);
    assert!(stream.joins[1].resumed);
    assert_eq!(stream.joins[1].participant, stream.joins[0].participant);
    let frames = stream.frames.len();
    emulator.until(&room.id, "more frames", |stream| {
        stream.frames.len() > frames + 10
    });
    emulator.stop().await;
}

/// A publisher that is told to reconnect joins as another participant, and its pictures are the stream's.
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_reconnects() {
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let Some(publisher) = published(&emulator, &room, &["--colour", RED], RED_LUMA) else {
        return;
    };
    let leave = SignalMessage::Leave(LeaveAction::Reconnect);
    assert!(emulator.control.send_on_signal(&room.id, leave));
    publisher.says("reconnected");
    let stream = emulator.until(&room.id, "the return", |stream| stream.joins.len() == 2);
    assert!(!stream.joins[1].resumed);
    assert_ne!(stream.joins[1].participant, stream.joins[0].participant);
    let frames = stream.frames.len();
    let stream = emulator.until(&room.id, "more frames", |stream| {
        stream.frames.len() > frames + 10
    });
    assert!(flows(&stream), "the new one goes on from the one before");
    emulator.stop().await;
}

/// Rooms on a LiveKit server: the emulator makes the tokens, and watches.
#[tokio::test(flavor = "multi_thread")]
async fn rooms_can_be_on_a_livekit_server() {
    let (Some(python), Some(binary)) = (python(), livekit_server::binary()) else {
        return;
    };
    let server = livekit_server::LivekitServer::start(&binary);
    let emulator = Emulator::start(|config| config.livekit = Some(server.settings())).await;
    let room = emulator.room().await;
    assert_eq!(room.url, server.url);
    let options = ["--colour", RED];
    let mut publisher = Publisher::start(&python, &room.url, &room.token, &options);
    publisher.says("published");
    emulator.until(&room.id, "the colour", |stream| shows(stream, RED_LUMA));

    // Anybody with a token can join the room of a stream, for example the client of another stream.
    let source = json!({"type": "livekit", "url": room.url, "token": room.token});
    let refused = emulator.create(source).await.status();
    assert_eq!(refused, 201, "the publisher's own token lets somebody in");
    // The second client was the same participant, so the first one was removed.
    publisher.says("disconnected DUPLICATE_IDENTITY");
    publisher.leave();
    let ended = emulator.until(&room.id, "the end", |stream| stream.ended.is_some());
    assert_eq!(
        ended.ended.map(|(_, reason)| reason),
        Some(EndReason::LivekitDisconnected)
    );
    emulator.stop().await;
}

/// The client's own room: joined by URL and token. A rejection names the wrong field.
#[tokio::test(flavor = "multi_thread")]
async fn the_clients_own_room_is_joined() {
    let (Some(python), Some(binary)) = (python(), livekit_server::binary()) else {
        return;
    };
    let server = livekit_server::LivekitServer::start(&binary);
    let emulator = Emulator::start(|_| {}).await;
    let source = |url: &str, token: &str| json!({"type": "livekit", "url": url, "token": token});

    let bad = emulator.create(source(&server.url, "not-a-token")).await;
    assert_eq!(bad.status(), 422);
    let bad: Value = bad.json().await.expect("JSON");
    assert_eq!(
        bad["details"][0]["loc"],
        json!(["body", "source", "token"]),
        "{bad}"
    );

    let watcher = token("watcher", false);
    let created = emulator.create(source(&server.url, &watcher)).await;
    assert_eq!(created.status(), 201);
    let created: Value = created.json().await.expect("JSON");
    assert_eq!(created.get("livekit"), None, "it is the user's own");
    let id = created["stream_id"].as_str().expect("an id");

    let sender = token("sender", true);
    let options = ["--colour", GREEN, "--codec", "h264"];
    let publisher = Publisher::start(&python, &server.url, &sender, &options);
    publisher.says("published");
    let stream = emulator.until(id, "the colour", |stream| shows(stream, GREEN_LUMA));
    assert_eq!(stream.source, Source::Livekit);
    let keepalive = emulator
        .post(&format!("/streams/{id}/keepalive"), None)
        .await;
    let keepalive: Value = keepalive.json().await.expect("JSON");
    assert_eq!(
        keepalive.get("livekit_token"),
        None,
        "there is none to give"
    );
    drop(server);
    let ended = emulator.until(id, "the end", |stream| stream.ended.is_some());
    assert_eq!(
        ended.ended.map(|(_, reason)| reason),
        Some(EndReason::LivekitDisconnected)
    );
    emulator.stop().await;
}

/// A token for the room `user`, as the user's own backend would make it.
fn token(identity: &str, can_publish: bool) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .expect("the time")
        + Duration::from_secs(60);
    let claims = json!({
        "iss": API_KEY, "sub": identity, "exp": now.as_secs(),
        "video": {"room": "user", "roomJoin": true, "canPublish": can_publish, "canSubscribe": true},
    });
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let signed = [header, claims]
        .map(|part| base64.encode(part.to_string()))
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = base64.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}
