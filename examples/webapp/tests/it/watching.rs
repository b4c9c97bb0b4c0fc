// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The WebSocket: every state and answer as JSON, also for late watchers.

use std::time::Duration;

use crate::support::{Service, Watcher, WebApp, answers_from, make_video, play, video};
use overshoot_emulator::{Call, EndReason, Fault, Times};
use serde_json::{Value, json};
use tempfile::TempDir;

fn settings(prompt: &str) -> Value {
    json!({"prompt": prompt, "interval_seconds": 0.2})
}

#[test]
fn every_event_is_sent() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let mut watcher = Watcher::of(&app, &id).await;
        let mut first = watcher.next().await.expect("the session");
        assert!(
            first["since"]
                .take()
                .as_str()
                .is_some_and(|time| time.ends_with('Z'))
        );
        assert_eq!(
            first,
            json!({"type": "session", "session_id": id, "source": "file", "filename": "bikes.mp4",
                "file_size": 509868, "since": null, "state": "ready", "answers": 0, "results": [],
                "video": {"width": 640, "height": 272, "duration_seconds": 10.0, "has_audio": false},
                "usage": {"billed_seconds": 0.0}, "heartbeat_seconds": 5.0,
                "answers_from": answers_from(&service)})
        );
        app.start_stream(&id, settings("What is it?")).await;
        assert_eq!(
            watcher.states("streaming").await,
            ["connecting", "streaming"]
        );
        let result = watcher.next_of("result").await;
        assert_eq!(result["prompt"], "What is it?");
        assert_eq!(result["ok"], true);
        assert_eq!(result["answered_by"], answers_from(&service)["name"]);
        assert!(
            result["result"]
                .as_str()
                .is_some_and(|text| text.starts_with("640x272")),
            "{result}"
        );
        assert!(
            result["total_latency_ms"]
                .as_f64()
                .is_some_and(|ms| ms > 0.0),
            "{result}"
        );
        assert!(result["inference_latency_ms"].is_f64(), "{result}");

        let path = format!("/update-prompt/{id}");
        app.call(
            reqwest::Method::POST,
            &path,
            Some(json!({"prompt": "Who?"})),
        )
        .await;
        assert_eq!(watcher.next_of("prompt").await["prompt"], "Who?");

        // A late watcher gets all of that.
        let mut late = Watcher::of(&app, &id).await;
        let first = late.next().await.expect("the session");
        assert_eq!(first["state"], "streaming");
        assert_eq!(
            first["settings"],
            json!({"prompt": "Who?", "interval_seconds": 0.2})
        );
        assert!(
            first["results"]
                .as_array()
                .is_some_and(|results| !results.is_empty())
        );
        // It gets each answer once.
        let known = first["results"]
            .as_array()
            .expect("a list")
            .last()
            .expect("one")["id"]
            .clone();
        assert_ne!(late.next_of("result").await["id"], known);

        app.call(reqwest::Method::POST, &format!("/stop-stream/{id}"), None)
            .await;
        assert_eq!(watcher.states("ready").await, ["stopping", "ready"]);
        app.call(reqwest::Method::DELETE, &format!("/sessions/{id}"), None)
            .await;
        for watcher in [&mut watcher, &mut late] {
            watcher.states("closed").await;
            assert_eq!(watcher.next().await, Err(1000));
        }
    });
    service.assert_all_deleted();
}

#[test]
fn a_stream_ends_with_the_video_and_can_start_again() {
    let service = Service::start();
    let app = WebApp::start(&service);
    let folder = TempDir::new().expect("a folder");
    let short = make_video(folder.path(), "short.webm", "vp8enc deadline=1 ! webmmux");
    play(async {
        let id = app.upload(&short).await;
        let mut watcher = Watcher::of(&app, &id).await;
        // The server is watching from here on, and not only from the handshake.
        watcher.next_of("session").await;
        for _ in 0..2 {
            app.start_stream(&id, settings("What is it?")).await;
            let states = watcher.states("ended").await;
            assert_eq!(states, ["connecting", "streaming", "stopping", "ended"]);
        }
    });
    let seen = service.control.snapshot();
    assert_eq!(seen.streams.len(), 2);
    for stream in &seen.streams {
        assert!(
            stream.answers.len() >= 5,
            "{} answers of 2 s",
            stream.answers.len()
        );
    }
    service.assert_all_deleted();
}

#[test]
fn a_lost_stream_is_replaced() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let mut watcher = Watcher::of(&app, &id).await;
        // The server is watching from here on, and not only from the handshake.
        watcher.next_of("session").await;
        app.start_stream(&id, settings("What is it?")).await;
        watcher.states("streaming").await;
        watcher.next_of("result").await;
        let stream = service.stream().id;
        assert!(service.control.end_stream(&stream, EndReason::LeaseExpired));
        assert_eq!(
            watcher.states("streaming").await,
            ["reconnecting", "streaming"]
        );
        watcher.next_of("result").await;
    });
    drop(app);
    assert_eq!(service.control.snapshot().streams.len(), 2);
}

#[test]
fn a_failure_is_sent_to_watchers() {
    let service = Service::start();
    let app = WebApp::start(&service);
    service
        .control
        .inject(Call::Create, Fault::status(402), Times::Once);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let mut watcher = Watcher::of(&app, &id).await;
        // The server is watching from here on, and not only from the handshake.
        watcher.next_of("session").await;
        let path = format!("/start-stream/{id}");
        let (_, refused) = app
            .call(reqwest::Method::POST, &path, Some(settings("?")))
            .await;
        let mut error = watcher.next_of("error").await;
        error.as_object_mut().expect("an object").remove("type");
        assert_eq!(error, refused);
        let failed = watcher.next_of("state").await;
        assert_eq!(failed["state"], "stopping");
        let failed = watcher.next_of("state").await;
        assert_eq!(
            (&failed["state"], &failed["reason"]),
            (&json!("failed"), &refused["message"])
        );
        // The stream can be started again.
        app.start_stream(&id, settings("?")).await;
    });
}

#[test]
fn an_unwatched_stream_is_stopped() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.unwatched_timeout = Duration::from_secs(2)
    });
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let watcher = Watcher::of(&app, &id).await;
        app.start_stream(&id, settings("What is it?")).await;
        // While it is watched, the stream runs longer than the timeout.
        service.wait("answers", |seen| seen.streams[0].answers.len() >= 15);
        assert_eq!(app.get("/").await["streams"], 1);
        drop(watcher);
        // Regular GET requests keep it running, too.
        let path = format!("/sessions/{id}");
        for _ in 0..12 {
            assert_eq!(app.get(&path).await["state"], "streaming");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        app.wait("the stream's end", |health| health["streams"] == 0)
            .await;
        let now = app.get(&path).await;
        assert_eq!(now["state"], "ready");
        assert_eq!(
            now["reason"],
            "The stream was stopped because nobody read its answers."
        );
    });
    service.assert_all_deleted();
}

#[test]
fn the_end_of_the_application_is_sent() {
    let service = Service::start();
    let app = WebApp::start(&service);
    let mut watcher = play_on(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let mut watcher = Watcher::of(&app, &id).await;
        // The server is watching from here on, and not only from the handshake.
        watcher.next_of("session").await;
        app.start_stream(&id, settings("What is it?")).await;
        watcher.states("streaming").await;
        watcher
    });
    drop(app);
    service.assert_all_deleted();
    watcher.0.block_on(async {
        assert_eq!(watcher.1.states("closed").await, ["stopping", "closed"]);
        // This code tells clients that the server may come back.
        assert_eq!(watcher.1.next().await, Err(1012));
    });
}

/// Like `play`, but also returns the runtime for later use.
fn play_on<T>(test: impl Future<Output = T>) -> (tokio::runtime::Runtime, T) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let made = runtime.block_on(test);
    (runtime, made)
}
