// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The password of the server.

use crate::support::{Service, WebApp, check_error, play, stream_settings, video};
use futures_util::StreamExt;
use overshoot_webapp::Password;
use reqwest::{Method, StatusCode, header};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const PASSWORD: &str = "a very long password";

fn with_password(service: &Service) -> WebApp {
    WebApp::with(service, |config| {
        config.password = Some(Password::new(PASSWORD.to_owned()).expect("long enough"));
    })
}

#[test]
fn without_the_password_only_the_login_is_open() {
    let service = Service::start();
    let app = with_password(&service);
    play(async {
        assert_eq!(app.get("/").await["login"], true);
        for path in ["/docs", "/openapi.json", "/page/main.js"] {
            let response = app.http.get(format!("{}{path}", app.url)).send().await;
            assert_eq!(response.expect("it answers").status(), StatusCode::OK);
        }
        let description = app.get("/openapi.json").await;
        for (path, methods) in description["paths"].as_object().expect("an object") {
            for (method, call) in methods.as_object().expect("an object") {
                if method == "parameters" || call["security"] == json!([{}]) {
                    continue;
                }
                let method = method.to_uppercase().parse().expect("a method");
                let path = path.replace("{session_id}", "nobody");
                let (status, body) = app.call(method, &path, Some(json!({}))).await;
                check_error(status, &body, (401, "login-required"));
            }
        }
        let (status, body) = app
            .call(Method::POST, "/login", Some(json!({"password": "guess"})))
            .await;
        check_error(status, &body, (401, "wrong-password"));
        let (status, body) = app.call(Method::POST, "/login", Some(json!({}))).await;
        check_error(status, &body, (422, "invalid-settings"));
        let socket = connect_async(format!("ws://{}/ws/nobody", app.address())).await;
        let refused = socket.expect_err("no password").to_string();
        assert!(refused.contains("401"), "{refused}");
    });
}

#[test]
fn browsers_log_in_with_a_cookie() {
    let service = Service::start();
    let app = with_password(&service);
    play(async {
        let login = app
            .http
            .post(format!("{}/login", app.url))
            .json(&json!({"password": PASSWORD}))
            .send()
            .await
            .expect("it answers");
        assert_eq!(login.status(), StatusCode::NO_CONTENT);
        let cookie = login.headers()[header::SET_COOKIE]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().expect("its value");
        let call = |method: Method, path: &str| {
            let request = app.http.request(method, format!("{}{path}", app.url));
            request.header(header::COOKIE, cookie).send()
        };
        let models = call(Method::GET, "/models").await.expect("it answers");
        assert_eq!(models.status(), StatusCode::OK);
        let logout = call(Method::POST, "/logout").await.expect("it answers");
        assert_eq!(logout.status(), StatusCode::NO_CONTENT);
        let cleared = logout.headers()[header::SET_COOKIE].to_str().expect("text");
        assert!(cleared.contains("Max-Age=0"), "{cleared}");
        let models = call(Method::GET, "/models").await.expect("it answers");
        assert_eq!(models.status(), StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn programs_send_the_password_with_each_request() {
    let service = Service::start();
    let mut app = with_password(&service);
    let mut headers = header::HeaderMap::new();
    let value = format!("Bearer {PASSWORD}").parse().expect("a value");
    headers.insert(header::AUTHORIZATION, value);
    let anonymous = app.http.clone();
    let client = overshoot_emulator::http_client().expect("TLS");
    app.http = client.default_headers(headers).build().expect("a client");
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        app.start_stream(&id, stream_settings()).await;
        let url = format!("ws://{}/ws/{id}", app.address());
        let mut request = url.into_client_request().expect("a request");
        let value = format!("Bearer {PASSWORD}").parse().expect("a value");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        let (mut socket, _) = connect_async(request).await.expect("it is open");
        let first = socket.next().await.expect("a message").expect("no error");
        assert!(first.to_text().expect("text").contains(&id));
        // Guessing is throttled, and then the right password does not help either.
        let guess = |password: &str| {
            let request = anonymous.post(format!("{}/login", app.url));
            request.json(&json!({"password": password})).send()
        };
        for _ in 0..5 {
            let refused = guess("a guess").await.expect("it answers");
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
        let refused = guess(PASSWORD).await.expect("it answers");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    });
    drop(app);
    service.assert_all_deleted();
}
