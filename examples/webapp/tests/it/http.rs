//! The API: what each call gives back, and what it refuses.

use std::time::Duration;

use crate::support::{KEY, Service, WebApp, play, video, wait_until};
use overshoot_emulator::{Call, Fault, Times};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// A settled start: an answer a second, from a file of 30 s.
fn start() -> Value {
    json!({"prompt": "What is it?", "fps": 30, "sampling_ratio": 0.2, "clip_length_seconds": 0.5, "delay_seconds": 0.5})
}

/// A refusal is JSON with a sentence, and holds no key.
fn check_refusal(status: StatusCode, body: &Value, wanted: (u16, &str)) {
    assert_eq!(
        (status.as_u16(), body["error"].as_str()),
        (wanted.0, Some(wanted.1)),
        "{body}"
    );
    let message = body["message"].as_str().expect("a sentence");
    assert!(message.ends_with('.') && message.len() > 20, "{message}");
    assert!(!body.to_string().contains(KEY));
}

#[test]
fn programs_get_the_health_and_browsers_the_page() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let health = app.get("/").await;
        assert_eq!(health["status"], "ok");
        assert_eq!(health["service"], "overshoot");
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
        // All that the page names is there, and no more is needed: nothing of others.
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
        let models = list["models"].as_array().expect("a list");
        assert!(models.contains(&json!({
            "model": "OpenGVLab/InternVL3_5-8B", "ready": false, "status": "unavailable",
        })));
        // A second page does not ask the service again.
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
fn models_that_do_not_come_are_told() {
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let app = WebApp::start(&service);
    play(async {
        let (status, body) = app.call(Method::GET, "/models", None).await;
        check_refusal(status, &body, (502, "not-authorized"));
    });
}

#[test]
fn what_is_not_there_is_told() {
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
            let (status, body) = app.call(method, path, Some(start())).await;
            check_refusal(status, &body, (404, "no-such-session"));
        }
        for path in ["/nothing", "/page/nothing.js", "/page/..%2fstyle.css"] {
            let (status, body) = app.call(Method::GET, path, None).await;
            check_refusal(status, &body, (404, "not-found"));
        }
        let (status, body) = app.call(Method::GET, "/upload-video", None).await;
        check_refusal(status, &body, (405, "wrong-method"));
    });
}

#[test]
fn what_can_not_be_asked_is_refused_with_its_field() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        for (field, wrong) in [
            ("prompt", json!("  ")),
            ("prompt", json!(7)),
            ("backend", json!("nobody")),
            ("mode", json!("film")),
            ("fps", json!(0)),
            ("fps", json!(121)),
            ("fps", json!(-1)),
            ("fps", json!(2.5)),
            ("sampling_ratio", json!(1.1)),
            ("clip_length_seconds", json!(0.05)),
            ("clip_length_seconds", json!("long")),
            ("delay_seconds", json!(61)),
            ("interval_seconds", json!(0)),
            ("output_schema", json!("text")),
            ("colour", json!("red")),
            // What only the element and the service know.
            ("model", json!("nobody")),
            ("clip_length_seconds", json!(0.2)),
            ("output_schema", json!({"type": "array"})),
        ] {
            let mut body = start();
            body[field] = wrong.clone();
            let path = format!("/start-stream/{id}");
            let (status, body) = app.call(Method::POST, &path, Some(body)).await;
            check_refusal(status, &body, (422, "invalid-settings"));
            assert_eq!(body["field"], field, "{wrong}: {body}");
        }
        let (status, body) = app
            .call(Method::POST, &format!("/start-stream/{id}"), None)
            .await;
        check_refusal(status, &body, (415, "wrong-type"));
        let raw = app
            .http
            .post(format!("{}/start-stream/{id}", app.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body("{\"prompt\": ")
            .send()
            .await
            .expect("it answers");
        let (status, body) = (raw.status(), raw.json().await.expect("JSON"));
        check_refusal(status, &body, (422, "invalid-settings"));
        // None of that did any harm.
        app.start_stream(&id, start()).await;
        service.wait("an answer", |seen| {
            seen.streams.iter().any(|stream| !stream.answers.is_empty())
        });
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
        check_refusal(status, &body, (409, "conflict"));
        let mut settings = start();
        settings["mode"] = "frame".into();
        settings["interval_seconds"] = 0.25.into();
        settings["backend"] = "gemini".into();
        settings["model"] = "gemini-2.0-flash".into();
        settings["output_schema"] =
            json!({"type": "object", "properties": {"width": {"type": "integer"}}});
        let told = app.start_stream(&id, settings).await;
        assert_eq!(told, json!({"session_id": id, "status": "streaming"}));
        let (status, body) = app
            .call(Method::POST, &format!("/start-stream/{id}"), Some(start()))
            .await;
        check_refusal(status, &body, (409, "conflict"));
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
fn the_services_refusals_have_their_status() {
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
            let (told, body) = app.call(Method::POST, &path, Some(start())).await;
            check_refusal(told, &body, (status, error));
            let now = app.get(&format!("/sessions/{id}")).await;
            assert_eq!((&now["state"], &now["error"]), (&json!("failed"), &body));
            assert_eq!(app.get("/").await["streams"], 0);
        });
    }
}

#[test]
fn no_more_streams_than_one_key_may() {
    let service = Service::start();
    let app = WebApp::start(&service);
    play(async {
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(app.upload(&video("bikes.mp4")).await);
        }
        for id in &ids[..5] {
            app.start_stream(id, start()).await;
        }
        let path = format!("/start-stream/{}", ids[5]);
        let (status, body) = app.call(Method::POST, &path, Some(start())).await;
        check_refusal(status, &body, (429, "busy"));
        app.call(Method::DELETE, &format!("/sessions/{}", ids[0]), None)
            .await;
        app.start_stream(&ids[5], start()).await;
    });
    drop(app);
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 6);
}

#[test]
fn pages_of_others_are_refused() {
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
            check_refusal(status, &body, (403, "foreign-page"));
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
fn a_start_that_takes_long_can_be_stopped() {
    let service = Service::start();
    let app = WebApp::start(&service);
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Once);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let path = format!("/start-stream/{id}");
        let starting = app.call(Method::POST, &path, Some(start()));
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
        check_refusal(status, &body, (409, "conflict"));
        assert_eq!(stopped, StatusCode::OK);
        app.start_stream(&id, start()).await;
    });
}

#[test]
fn api_v1_is_asked_all_the_same() {
    let service = Service::of("v1", |_| {});
    let app = WebApp::start(&service);
    play(async {
        let models = app.get("/models").await;
        assert!(
            models["models"]
                .as_array()
                .is_some_and(|models| models.len() > 2)
        );
        let id = app.upload(&video("bikes.mp4")).await;
        app.start_stream(&id, start()).await;
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

#[test]
fn a_start_that_comes_to_nothing_ends() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.starting = Duration::from_secs(1));
    let fault = Fault::Hang;
    service.control.inject(Call::Create, fault, Times::Once);
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let path = format!("/start-stream/{id}");
        let (status, body) = app.call(Method::POST, &path, Some(start())).await;
        check_refusal(status, &body, (504, "timeout"));
        assert_eq!(app.get("/").await["streams"], 0);
    });
}
