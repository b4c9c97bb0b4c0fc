// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The API: which errors each call returns.

use std::time::Duration;

use crate::support::{Service, WebApp, check_error, play, stream_settings, video};
use overshoot_emulator::{Call, Fault, Times};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// Neither the page nor the API has the properties of the element.
fn assert_words_of_the_api(body: &Value) {
    let message = body["message"].as_str().expect("a sentence");
    for property in [
        "api-key",
        "api-url",
        "delay-seconds",
        "target-fps",
        "output-schema",
        "schema-mode",
        "max-output",
    ] {
        assert!(!message.contains(property), "{message}");
    }
}

#[test]
fn a_failed_request_for_models_is_reported() {
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let app = WebApp::start(&service);
    play(async {
        let (status, body) = app.call(Method::GET, "/models", None).await;
        check_error(status, &body, (502, "not-authorized"));
        let message = body["message"].as_str().expect("a sentence");
        assert!(
            message.contains("must set a valid OVERSHOOT_API_KEY"),
            "{message}"
        );
    });
}

#[test]
fn unknown_paths_and_sessions_are_refused() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        for (method, path) in [
            (Method::POST, "/start-stream/nobody"),
            (Method::POST, "/update-prompt/nobody"),
            (Method::POST, "/stop-stream/nobody"),
            (Method::GET, "/sessions/nobody"),
            (Method::DELETE, "/sessions/nobody"),
            (Method::DELETE, "/webcam/nobody"),
            (Method::GET, "/ws/nobody"),
            (Method::GET, "/ws/%ff"),
        ] {
            let (status, body) = app.call(method, path, Some(stream_settings())).await;
            check_error(status, &body, (404, "no-such-session"));
        }
        for path in ["/nothing", "/page/nothing.js", "/page/..%2fstyle.css"] {
            let (status, body) = app.call(Method::GET, path, None).await;
            check_error(status, &body, (404, "not-found"));
        }
        let (status, body) = app.call(Method::GET, "/upload-video", None).await;
        check_error(status, &body, (405, "wrong-method"));
    });
}

#[test]
fn invalid_settings_are_refused_with_their_field() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        for (field, wrong) in [
            ("prompt", json!("  ")),
            ("prompt", json!(7)),
            ("backend", json!("nobody")),
            ("mode", json!("film")),
            ("fps", json!(121)),
            ("fps", json!(-1)),
            ("sampling_ratio", json!(1.1)),
            ("clip_length_seconds", json!("long")),
            ("output_schema", json!("text")),
            ("colour", json!("red")),
            ("temperature", json!(1)),
            // Only the element and the service can check these.
            ("delay_seconds", json!(61)),
            ("model", json!("nobody")),
            ("max_output_tokens", json!(1000)),
            ("schema_mode", json!("prompt")),
            ("budget", json!({"euros": 5})),
            ("output_schema", json!({"type": "film"})),
        ] {
            let mut body = stream_settings();
            body[field] = wrong.clone();
            let path = format!("/start-stream/{id}");
            let (status, body) = app.call(Method::POST, &path, Some(body)).await;
            check_error(status, &body, (422, "invalid-settings"));
            assert_eq!(body["field"], field, "{wrong}: {body}");
            assert_words_of_the_api(&body);
        }
        let (status, body) = app
            .call(Method::POST, &format!("/start-stream/{id}"), None)
            .await;
        check_error(status, &body, (415, "wrong-type"));
        let raw = app
            .http
            .post(format!("{}/start-stream/{id}", app.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body("{\"prompt\": ")
            .send()
            .await
            .expect("it answers");
        let (status, body): (_, Value) = (raw.status(), raw.json().await.expect("JSON"));
        check_error(status, &body, (422, "invalid-settings"));
        assert_eq!(
            body["message"],
            "The body is not valid JSON: it ends too early. Perhaps a bracket or a quote is missing."
        );
        // A valid start still works.
        app.start_stream(&id, stream_settings()).await;
        service.wait("an answer", |seen| {
            seen.streams.iter().any(|stream| !stream.answers.is_empty())
        });
    });
}

#[test]
fn errors_of_the_service_have_a_status() {
    for (fault, status, error) in [
        (Fault::status(401), 502, "not-authorized"),
        (Fault::status(402), 402, "out-of-credits"),
        (Fault::status(429), 429, "busy"),
        (Fault::status(500), 502, "server"),
    ] {
        let service = Service::start();
        let app = WebApp::start(&service);
        play(async {
            let id = app.upload(&video("bikes.mp4")).await;
            service.control.inject(Call::Create, fault, Times::Always);
            let path = format!("/start-stream/{id}");
            let (given, body) = app.call(Method::POST, &path, Some(stream_settings())).await;
            check_error(given, &body, (status, error));
            assert_words_of_the_api(&body);
            let now = app.get(&format!("/sessions/{id}")).await;
            assert_eq!((&now["state"], &now["error"]), (&json!("failed"), &body));
            assert_eq!(app.get("/").await["streams"], 0);
        });
    }
}

#[test]
fn pages_of_other_sites_are_refused() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        for (method, path) in [
            (Method::POST, "/upload-video".to_owned()),
            (Method::POST, "/webcam".to_owned()),
            (Method::POST, format!("/start-stream/{id}")),
            (Method::DELETE, format!("/sessions/{id}")),
        ] {
            let request = app.http.request(method, format!("{}{path}", app.url));
            let refused = request
                .header(header::ORIGIN, "https://evil.example")
                .send()
                .await
                .expect("it answers");
            let (status, body) = (refused.status(), refused.json().await.expect("JSON"));
            check_error(status, &body, (403, "foreign-page"));
        }
        let socket = app
            .http
            .get(format!("{}/ws/{id}", app.url))
            .header(header::ORIGIN, "https://evil.example")
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(
            socket.send().await.expect("it answers").status(),
            StatusCode::FORBIDDEN
        );
        let renamed = app
            .http
            .get(format!("{}/models", app.url))
            .header(header::HOST, "evil.example");
        assert_eq!(
            renamed.send().await.expect("it answers").status(),
            StatusCode::MISDIRECTED_REQUEST
        );
    });
}

#[test]
fn a_start_has_a_time_limit() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.start_timeout = Duration::from_secs(1)
    });
    let fault = Fault::Hang;
    service.control.inject(Call::Create, fault, Times::Once);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let path = format!("/start-stream/{id}");
        let (status, body) = app.call(Method::POST, &path, Some(stream_settings())).await;
        check_error(status, &body, (504, "timeout"));
        assert_eq!(app.get("/").await["streams"], 0);
    });
}
