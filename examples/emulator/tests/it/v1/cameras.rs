// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Streams whose video is pulled: from a real RTSP server, and from the files of a broadcast.

#[allow(dead_code)]
#[path = "../../../../../tests/it/common/camera.rs"]
mod camera;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use gst::prelude::*;
use serde_json::{Value, json};

use super::emulator::{Emulator, content, image, ok, text};
use camera::Camera;

const PATIENCE: Duration = Duration::from_secs(20);

/// For `camera`.
fn init() {
    gst::init().expect("GStreamer");
}

/// For `camera`; not used here.
fn video(name: &str) -> PathBuf {
    name.into()
}

fn line(colour: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern={colour} ! video/x-raw,format=I420,width=320,height=240,framerate=10/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96"
    )
}

fn create(emulator: &Emulator, kind: &str, url: &str) -> reqwest::RequestBuilder {
    let body = json!({"source": {"type": kind, "url": url}});
    emulator.post("/streams").json(&body)
}

async fn wait(emulator: &Emulator, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = emulator.status(id).await;
        if condition(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn answer(emulator: &Emulator, id: &str) -> String {
    let parts = [text("What is it?"), image(id, "frame_index=-1")];
    let answer = ok(emulator.ask(&parts), 200).await;
    content(&answer).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_pulled_again_after_it_was_away() {
    let emulator = Emulator::start(|config| config.private_cameras = true).await;
    let camera = Camera::serve(0, &line("blue"));
    let (url, port) = (camera.url.clone(), camera.port());
    let created = ok(create(&emulator, "rtsp", &url), 201).await;
    assert_eq!(created["publish"], Value::Null, "{created}");
    let id = created["id"].as_str().expect("an id").to_owned();
    let status = wait(&emulator, &id, |status| {
        status["retained_frame_count"].as_u64() > Some(10)
    })
    .await;
    assert_eq!(status["last_pull"]["ok"], true);
    let said = answer(&emulator, &id).await;
    assert!(said.contains("320x240") && said.contains("blue"), "{said}");
    let renewed = ok(emulator.post(&format!("/streams/{id}/keepalive")), 200).await;
    assert_eq!(renewed["publish"], Value::Null, "{renewed}");
    drop(camera);
    let status = wait(&emulator, &id, |status| status["last_pull"]["ok"] == false).await;
    assert!(status["last_pull"]["error"].is_string(), "{status}");
    assert_eq!(status["state"], "active");
    let camera = Camera::serve(port, &line("red"));
    let before = status["last_frame_index"].as_u64();
    wait(&emulator, &id, |status| {
        status["last_frame_index"].as_u64() > before
    })
    .await;
    let said = answer(&emulator, &id).await;
    assert!(said.contains("red"), "{said}");
    ok(emulator.delete(&format!("/streams/{id}")), 200).await;
    emulator.stop().await;
    drop(camera);
}

/// Makes the files of a broadcast of 8 s.
fn broadcast(folder: &Path) {
    let line = "videotestsrc num-buffers=80 pattern=green \
        ! video/x-raw,format=I420,width=320,height=240,framerate=10/1 \
        ! x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! hlssink2 name=sink target-duration=2";
    let pipeline = gst::parse::launch(line).expect("a pipeline");
    let bin = pipeline.downcast_ref::<gst::Bin>().expect("a bin");
    let sink = bin.by_name("sink").expect("the sink");
    let file = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    sink.set_property("location", file("part%05d.ts"));
    sink.set_property("playlist-location", file("live.m3u8"));
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let bus = pipeline.bus().expect("a bus");
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(20), &kinds);
    assert_eq!(end.expect("an end").type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).expect("it ends");
}

async fn file(State(folder): State<PathBuf>, uri: Uri) -> Vec<u8> {
    std::fs::read(folder.join(uri.path().trim_start_matches('/'))).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_is_pulled() {
    init();
    let folder = std::env::temp_dir().join(format!("overshoot-hls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    broadcast(&folder);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    let files = Router::new().fallback(file).with_state(folder.clone());
    let server = tokio::spawn(async move { axum::serve(listener, files).await });
    let emulator = Emulator::start(|config| config.private_cameras = true).await;
    let url = format!("http://{address}/live.m3u8");
    let created = ok(create(&emulator, "hls", &url), 201).await;
    let id = created["id"].as_str().expect("an id").to_owned();
    wait(&emulator, &id, |status| {
        status["retained_frame_count"].as_u64() > Some(0)
    })
    .await;
    let said = answer(&emulator, &id).await;
    assert!(said.contains("green"), "{said}");
    ok(emulator.delete(&format!("/streams/{id}")), 200).await;
    emulator.stop().await;
    server.abort();
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}

async fn refusal(request: reqwest::RequestBuilder) -> String {
    let body = ok(request, 422).await;
    let said = body["details"][0]["msg"].as_str();
    said.expect("a message").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_pulled_is_refused() {
    let emulator = Emulator::start(|_| {}).await;
    for (kind, url, why) in [
        ("rtsp", "rtsp://127.0.0.1:1/a", "a public address"),
        ("rtsp", "http://203.0.113.1/a", "rtsp or rtsps"),
        ("file", "file:///etc/passwd", "'rtsp' or 'hls'"),
    ] {
        let said = refusal(create(&emulator, kind, url)).await;
        assert!(said.contains(why), "{said} should say {why}");
    }
    emulator.stop().await;
    let emulator = Emulator::start(|config| config.private_cameras = true).await;
    let said = refusal(create(&emulator, "rtsp", "rtsp://127.0.0.1:1/a")).await;
    assert!(said.contains("could not be pulled"), "{said}");
    // Nothing is left of it.
    assert_eq!(emulator.control.snapshot().streams.len(), 0);
    emulator.stop().await;
}
