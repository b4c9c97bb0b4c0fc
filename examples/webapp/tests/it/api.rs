// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The description of the API, its page, the README, and pages of other origins.

use crate::support::{Service, WebApp, browse, play, stream_settings, video};
use overshoot_webapp::VARIABLES;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");

#[test]
fn the_description_has_exactly_the_methods_of_each_path() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let description = app.get("/openapi.json").await;
        assert_eq!(description["openapi"], "3.1.0");
        for (path, methods) in description["paths"].as_object().expect("an object") {
            let path = path
                .replace("{session_id}", "nobody")
                .replace("{file}", "x");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let described = methods.get(method.to_lowercase()).is_some();
                let request = app.http.request(
                    method.parse().expect("a method"),
                    format!("{}{path}", app.url),
                );
                let status = request.send().await.expect("it answers").status();
                let refused = status == StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(described, !refused, "{method} {path}: {status}");
            }
        }
    });
}

/// Whether the value has all required fields of the schema, and only fields that it describes.
fn assert_fits(description: &Value, name: &str, value: &Value) {
    let schema = &description["components"]["schemas"][name];
    let known = schema["properties"].as_object().expect("an object");
    for field in value.as_object().expect("an object").keys() {
        assert!(known.contains_key(field), "{name} has no {field}");
    }
    for field in schema["required"].as_array().expect("a list") {
        let field = field.as_str().expect("a name");
        assert!(value.get(field).is_some(), "{field} is missing: {value}");
    }
}

#[test]
fn responses_are_as_described() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let description = app.get("/openapi.json").await;
        let fits = |name: &str, value: &Value| assert_fits(&description, name, value);
        fits("Health", &app.get("/").await);
        fits("Models", &app.get("/models").await);
        let film = std::fs::read(video("bikes.mp4")).expect("it is there");
        let (_, uploaded) = app.send("bikes.mp4", film).await;
        fits("Uploaded", &uploaded);
        let id = uploaded["session_id"].as_str().expect("an id");
        let path = format!("/start-stream/{id}");
        let (_, refused) = app.call(Method::POST, &path, Some(json!({"fps": 1}))).await;
        fits("Error", &refused);
        let mut settings = stream_settings();
        settings["clip_length_seconds"] = 0.1.into();
        let started = app.start_stream(id, settings).await;
        assert_eq!(started["warnings"].as_array().map(Vec::len), Some(1));
        fits("Started", &started);
        let session = app.get(&format!("/sessions/{id}")).await;
        fits("Session", &session);
        fits("StreamSettings", &session["settings"]);
        fits("AnswersFrom", &session["answers_from"]);
    });
}

#[test]
fn the_readme_lists_all_calls_fields_and_variables() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let description = app.get("/openapi.json").await;
        for (path, methods) in description["paths"].as_object().expect("an object") {
            for method in methods.as_object().expect("an object").keys() {
                let method = match method.as_str() {
                    "parameters" => continue,
                    _ if path.starts_with("/ws/") => "WebSocket".to_owned(),
                    method => method.to_uppercase(),
                };
                assert!(
                    README.contains(&format!("`{method} {path}`")),
                    "{method} {path}"
                );
            }
        }
        let fields = &description["components"]["schemas"]["StreamSettings"]["properties"];
        for field in fields.as_object().expect("an object").keys() {
            assert!(README.contains(&format!("`{field}`")), "{field}");
        }
    });
    for (name, _) in VARIABLES {
        assert!(README.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn listed_origins_may_use_the_api() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.cors_origins = vec!["https://app.example".to_owned()];
    });
    play(async {
        let ask = |origin: &str, method: Method, path: &str| {
            let request = app.http.request(method, format!("{}{path}", app.url));
            request.header(header::ORIGIN, origin)
        };
        let allowed = |response: &reqwest::Response| {
            let headers = response.headers();
            let origin = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            origin.map(|origin| origin.to_str().expect("text").to_owned())
        };
        for (origin, listed) in [
            ("https://app.example", true),
            ("https://evil.example", false),
        ] {
            let expected = listed.then(|| origin.to_owned());
            let preflight = ask(origin, Method::OPTIONS, "/start-stream/x")
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
                .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
            let preflight = preflight.send().await.expect("it answers");
            assert_eq!(allowed(&preflight), expected);
            assert_eq!(preflight.status() == StatusCode::NO_CONTENT, listed);
            let models = ask(origin, Method::GET, "/models").send().await;
            assert_eq!(allowed(&models.expect("it answers")), expected);
            let call = ask(origin, Method::POST, "/stop-stream/x").send().await;
            let status = call.expect("it answers").status();
            let expected = if listed {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(status, expected);
        }
    });
}

#[test]
fn the_page_about_the_api_shows_and_makes_calls() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        let page = format!("{}/docs", app.url);
        browser.client.goto(&page).await.expect("it loads");
        browser
            .wait(
                "the calls",
                "return document.querySelectorAll('details').length > 10",
            )
            .await;
        browser.fits().await;
        browser.legible().await;
        browser.shot("docs").await;
        browser
            .run("document.getElementById('list_models').open = true; document.querySelector('#list_models form').requestSubmit()")
            .await;
        browser
            .wait(
                "the models",
                "return document.querySelector('#list_models form').innerText.includes('Qwen/')",
            )
            .await;
        let shown = browser
            .run("return document.querySelector('#start_stream').textContent")
            .await;
        let shown = shown.as_str().expect("a text");
        assert!(
            shown.contains("clip_length_seconds") && shown.contains("number, 0.1 to 60"),
            "{shown}"
        );
    });
}
