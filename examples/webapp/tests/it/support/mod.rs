// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Helpers of the tests: a running application with a running emulator, and a browser.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

pub mod app;
pub mod browser;
#[path = "../../../../../tests/it/common/camera.rs"]
#[allow(dead_code)]
pub mod camera;
mod firefox;
mod proxy;
#[path = "../../../../../tests/it/common/service.rs"]
mod service;
mod watcher;

pub use app::WebApp;
pub use browser::{Browser, Look, browse, browse_as};
pub use firefox::Firefox;
pub use proxy::Proxy;
pub use service::Service;
pub use watcher::Watcher;

/// The API key of the tests. No response, page or message may contain it.
pub const KEY: &str = "ovs-key-77ad02c4";

/// Runs this on a new runtime. Services and applications have their own runtimes and cannot be started inside
/// one.
pub fn play<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(test)
}

/// The path of a real video that `tests/run.sh` fetches.
pub fn video(name: &str) -> PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    Path::new(&folder).join(name)
}

/// Initializes GStreamer for the cameras.
pub fn init() {
    gst::init().expect("GStreamer starts");
}

/// Makes a video of two seconds with these elements, or with `SOUND` a file without video.
pub fn make_video(folder: &Path, name: &str, line: &str) -> PathBuf {
    let line = match line {
        "SOUND" => "audiotestsrc num-buffers=80 ! lamemp3enc ! mp4mux".to_owned(),
        line => format!(
            "videotestsrc num-buffers=50 ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {line}"
        ),
    };
    make_any_video(folder, name, &line)
}

/// Makes a file with these elements.
pub fn make_any_video(folder: &Path, name: &str, line: &str) -> PathBuf {
    use gst::prelude::*;
    gst::init().expect("GStreamer starts");
    let path = folder.join(name);
    let pipeline = gst::parse::launch(&format!(
        "{line} ! filesink location=\"{}\"",
        path.display()
    ))
    .unwrap_or_else(|error| panic!("{line}: {error}"));
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &ends);
    pipeline.set_state(gst::State::Null).expect("it stops");
    let end = end.expect("it ends");
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    path
}

/// Waits until the condition is true.
pub async fn wait_until(why: &str, what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < deadline, "waited in vain for {why}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the application says about who answers.
pub fn answers_from(service: &Service) -> Value {
    let (host, api) = service.url["http://".len()..]
        .split_once('/')
        .expect("a path");
    json!({"name": host, "emulator": false, "api": api})
}

/// Settings for a stream with two answers per second.
pub fn stream_settings() -> Value {
    json!({"prompt": "What is it?", "fps": 30, "sampling_ratio": 0.2, "clip_length_seconds": 0.5, "delay_seconds": 0.5})
}

/// Checks an error response: JSON with a sentence and without the key.
pub fn check_error(status: StatusCode, body: &Value, wanted: (u16, &str)) {
    assert_eq!(
        (status.as_u16(), body["error"].as_str()),
        (wanted.0, Some(wanted.1)),
        "{body}"
    );
    let message = body["message"].as_str().expect("a sentence");
    assert!(message.ends_with('.') && message.len() > 20, "{message}");
    assert!(!body.to_string().contains(KEY));
}
