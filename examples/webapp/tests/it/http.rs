// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The API: what each call does.

use std::time::Duration;

use crate::support::{
    KEY, Service, WebApp, answers_from, check_error, play, stream_settings, video, wait_until,
};
use overshoot_emulator::{Call, Fault, Model, ModelStatus, Times};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[test]
fn programs_get_the_health_and_browsers_the_page() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let health = app.get("/").await;
        assert_eq!(health["status"], "ok");
        assert_eq!(health["service"], "overshoot");
        assert_eq!(health["answers_from"], answers_from(&service));
        assert_eq!(health["max_upload_bytes"], 500 * 1024 * 1024);
        let page = app
            .http
            .get(&app.url)
            .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .send()
            .await
            .expect("it answers");
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let page = page.text().await.expect("text");
        assert!(page.starts_with("<!doctype html>"), "{page}");
        // All files that the page names exist. None is on another server.
        let named: Vec<&str> = page
            .split('"')
            .filter(|text| text.starts_with("/page/"))
            .collect();
        assert!(named.len() >= 3, "{named:?}");
        for path in named {
            let file = app
                .http
                .get(format!("{}{path}", app.url))
                .send()
                .await
                .expect("it answers");
            assert_eq!(file.status(), StatusCode::OK, "{path}");
        }
        assert!(!page.contains("https://") && !page.contains(KEY));
    });
}

#[test]
fn models_are_listed() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let list = app.get("/models").await;
        assert_eq!(list["backends"], json!(["overshoot", "gemini"]));
        assert_eq!(list["api"], answers_from(&service)["api"]);
        let models = list["models"].as_array().expect("a list");
        assert!(models.contains(&json!({
            "model": "OpenGVLab/InternVL3_5-8B", "ready": false, "status": "unavailable",
        })));
        // The second call uses the cached list.
        app.get("/models").await;
        let asked = service.control.snapshot().requests;
        assert_eq!(
            asked
                .iter()
                .filter(|request| request.path.ends_with("/models"))
                .count(),
            1
        );
    });
}

#[test]
fn a_stream_is_started_changed_and_stopped() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let path = format!("/update-prompt/{id}");
        let (status, body) = app
            .call(Method::POST, &path, Some(json!({"prompt": "Who?"})))
            .await;
        check_error(status, &body, (409, "conflict"));
        let mut settings = stream_settings();
        settings["mode"] = "frame".into();
        settings["interval_seconds"] = 0.25.into();
        settings["backend"] = "gemini".into();
        settings["model"] = "gemini-2.0-flash".into();
        settings["output_schema"] =
            json!({"type": "object", "properties": {"width": {"type": "integer"}}});
        let started = app.start_stream(&id, settings).await;
        assert_eq!(started, json!({"session_id": id, "status": "streaming"}));
        let (status, body) = app
            .call(
                Method::POST,
                &format!("/start-stream/{id}"),
                Some(stream_settings()),
            )
            .await;
        check_error(status, &body, (409, "conflict"));
        service.wait("two answers", |seen| seen.streams[0].answers.len() >= 2);
        let (status, body) = app
            .call(Method::POST, &path, Some(json!({"prompt": "Who?"})))
            .await;
        assert_eq!((status, &body["prompt"]), (StatusCode::OK, &json!("Who?")));
        service.wait("the prompt", |seen| seen.streams[0].prompts.len() == 2);
        let now = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(now["results"][0]["result"], "{\"width\":640}");
        assert_eq!(now["results"][0]["model_backend"], "gemini");
        let (status, body) = app
            .call(Method::POST, &format!("/stop-stream/{id}"), None)
            .await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ready")));
        service.assert_all_deleted();
        let stream = service.stream();
        assert_eq!(stream.prompts, ["What is it?", "Who?"]);
        assert_eq!(stream.model, "gemini-2.0-flash");
        assert_eq!(app.get("/").await["streams"], 0);
    });
}

#[test]
fn the_number_of_streams_is_limited() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(app.upload(&video("bikes.mp4")).await);
        }
        for id in &ids[..5] {
            app.start_stream(id, stream_settings()).await;
        }
        let path = format!("/start-stream/{}", ids[5]);
        let (status, body) = app.call(Method::POST, &path, Some(stream_settings())).await;
        check_error(status, &body, (429, "busy"));
        let message = body["message"].as_str().expect("a sentence");
        assert!(
            message.starts_with("Only 5 videos can be asked about"),
            "{message}"
        );
        let mut listed: Vec<_> = body["sessions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|session| session["session_id"].as_str().expect("an id"))
            .collect();
        let mut running: Vec<_> = ids[..5].iter().map(String::as_str).collect();
        listed.sort_unstable();
        running.sort_unstable();
        assert_eq!(listed, running);
        app.call(Method::DELETE, &format!("/sessions/{}", ids[0]), None)
            .await;
        app.start_stream(&ids[5], stream_settings()).await;
    });
    drop(app);
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 6);
}

#[test]
fn a_slow_start_can_be_stopped() {
    let service = Service::start();
    let app = WebApp::start(&service);
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Once);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let path = format!("/start-stream/{id}");
        let starting = app.call(Method::POST, &path, Some(stream_settings()));
        let stopping = async {
            let created = || {
                let requests = service.control.snapshot().requests;
                requests
                    .iter()
                    .any(|request| request.path.ends_with("/streams"))
            };
            wait_until("a creation", created).await;
            let path = format!("/stop-stream/{id}");
            app.call(Method::POST, &path, None).await
        };
        let ((status, body), (stopped, _)) = tokio::join!(starting, stopping);
        check_error(status, &body, (409, "conflict"));
        assert_eq!(stopped, StatusCode::OK);
        app.start_stream(&id, stream_settings()).await;
    });
}

#[test]
fn api_v1_works_too() {
    let service = Service::of("v1", |_| {});
    let app = WebApp::start(&service);
    play(async {
        let models = app.get("/models").await;
        assert!(
            models["models"]
                .as_array()
                .is_some_and(|models| models.len() > 2)
        );
        // There, a model says it all.
        assert_eq!(models["backends"], json!([]));
        assert_eq!(app.get("/").await["answers_from"], answers_from(&service));
        let id = app.upload(&video("bikes.mp4")).await;
        app.start_stream(&id, stream_settings()).await;
        let asked = |prompt: &str| {
            service.wait(prompt, |seen| {
                seen.questions
                    .iter()
                    .any(|asked| asked.prompt.contains(prompt))
            });
        };
        asked("What is it?");
        let path = format!("/update-prompt/{id}");
        app.call(Method::POST, &path, Some(json!({"prompt": "Who?"})))
            .await;
        asked("Who?");
        let (status, body) = app
            .call(Method::DELETE, &format!("/sessions/{id}"), None)
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    });
}

/// Calls of older clients, byte for byte.
const CALLS: [&str; 3] = [
    r#"{"prompt": "What is it?", "backend": "overshoot", "fps": 1.0, "clip_length_seconds": 0.1, "delay_seconds": 1.0, "sampling_ratio": 0.1}"#,
    r#"{"prompt": "What is it?", "backend": "openai", "model": null, "fps": 29.97, "clip_length_seconds": 1.0, "delay_seconds": 1.0, "sampling_ratio": 0.1}"#,
    r#"{"prompt": "What is it?", "backend": "anthropic", "fps": 1.0, "clip_length_seconds": 0.1, "delay_seconds": 1.0, "sampling_ratio": 0.1}"#,
];

#[test]
fn calls_of_older_clients_work_on_both_apis() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |config| {
            let claude = Model {
                name: "claude-haiku".to_owned(),
                status: ModelStatus::Ready,
            };
            let gpt = Model {
                name: "gpt-mini".to_owned(),
                ..claude.clone()
            };
            config.models.extend([claude, gpt]);
        });
        let app = WebApp::start(&service);
        play(async {
            for (call, expected) in CALLS.into_iter().zip(["Qwen/", "gpt-mini", "claude-haiku"]) {
                let id = app.upload(&video("bikes.mp4")).await;
                let request = app
                    .http
                    .post(format!("{}/start-stream/{id}", app.url))
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(call);
                let started = request.send().await.expect("it answers");
                let status = started.status();
                let body: Value = started.json().await.expect("JSON");
                assert_eq!(status, StatusCode::OK, "{api} {call}: {body}");
                let warnings = body["warnings"].as_array().expect("a list");
                let now = loop {
                    let now = app.get(&format!("/sessions/{id}")).await;
                    assert_ne!(now["state"], "failed", "{now}");
                    if now["results"].as_array().is_some_and(|all| !all.is_empty()) {
                        break now;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                };
                assert_eq!(now["warnings"].as_array(), Some(warnings));
                let result = &now["results"][0];
                assert_eq!(result["ok"], true, "{api} {call}: {result}");
                let model = result["model_name"].as_str().unwrap_or_default();
                assert!(model.starts_with(expected), "{api} {call}: {result}");
                app.call(Method::DELETE, &format!("/sessions/{id}"), None)
                    .await;
            }
        });
    }
}
