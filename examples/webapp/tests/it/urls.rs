// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Videos by URL: cameras by RTSP, files by HTTP, and which hosts are refused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::camera::Camera;
use crate::support::{Service, WebApp, check_error, play, stream_settings, video};
use overshoot_webapp::SourceHosts;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// No response may contain it.
pub const PASSWORD: &str = "secret-of-the-camera";
const LIVE: &str = "videotestsrc is-live=true pattern=red \
    ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96";

pub fn listing(service: &Service, hosts: &[&str]) -> WebApp {
    let listed = hosts.iter().map(|host| (*host).to_owned()).collect();
    WebApp::with(service, |config| {
        config.source_hosts = SourceHosts {
            listed,
            public: true,
        };
    })
}

pub async fn watch(app: &WebApp, url: &str) -> (StatusCode, Value) {
    let body = Some(json!({"url": url}));
    let (status, body) = app.call(Method::POST, "/watch-url", body).await;
    assert!(!body.to_string().contains(PASSWORD), "{body}");
    (status, body)
}

/// Answers each connection to a port of this machine with a fixed text, and records the requests.
pub async fn answering(text: String) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = client.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            // RTSP answers must have the number of the request.
            let number = request.lines().find(|line| line.starts_with("CSeq"));
            let text = text.replace("CSeq", number.unwrap_or_default());
            seen.lock().expect("a list").push(request);
            let _ = client.write_all(text.as_bytes()).await;
        }
    });
    (port, requests)
}

/// The TCP ports of 127.0.0.1 on which this process listens.
fn listeners() -> BTreeSet<String> {
    let files = std::fs::read_dir("/proc/self/fd").expect("Linux has it");
    let files = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let own: Vec<_> = files.map(|file| file.display().to_string()).collect();
    let sockets = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux has it");
    let listening = sockets.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_own = own.contains(&format!("socket:[{}]", fields.get(9)?));
        let port = fields[1].strip_prefix("0100007F:")?;
        (is_own && fields[3] == "0A").then(|| port.to_owned())
    });
    listening.collect()
}

#[test]
fn a_camera_is_asked_about_on_both_apis() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let app = listing(&service, &["127.0.0.1"]);
        let camera = Camera::serve(0, LIVE);
        play(async {
            let url = camera.url.replace("://", &format!("://admin:{PASSWORD}@"));
            let before = listeners();
            let (status, body) = watch(&app, &url).await;
            assert_eq!(status, StatusCode::CREATED, "{body}");
            assert_eq!(body["source"], "url");
            let id = body["session_id"].as_str().expect("an id");
            app.start_stream(id, stream_settings()).await;
            let session = app.get(&format!("/sessions/{id}")).await;
            assert_eq!(session["filename"], format!("127.0.0.1:{}", camera.port()));
            assert!(!session.to_string().contains(PASSWORD));
            assert!(listeners().len() > before.len(), "there is a relay");
            let seen = service.wait("frames of the camera", |seen| {
                seen.streams.iter().any(|stream| stream.frames.len() > 3)
            });
            let stream = &seen.streams[0];
            let [red, green, blue] = stream.frames[3].rgb;
            assert!(red > 200 && green < 60 && blue < 60);
            assert_eq!(
                (stream.frames[3].width, stream.frames[3].height),
                (320, 240)
            );
            app.call(Method::POST, &format!("/stop-stream/{id}"), None)
                .await;
            assert_eq!(listeners(), before);
            // It can be started again.
            app.start_stream(id, stream_settings()).await;
            app.call(Method::DELETE, &format!("/sessions/{id}"), None)
                .await;
            assert_eq!(listeners(), before);
        });
        drop(app);
        service.assert_all_deleted();
    }
}

#[test]
fn the_own_network_is_refused() {
    let service = Service::start();
    let app = listing(&service, &[]);
    play(async {
        let (port, requests) = answering("HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
        for url in [
            format!("rtsp://admin:{PASSWORD}@127.0.0.1:{port}/a"),
            format!("http://127.0.0.1:{port}/a.mp4"),
            format!("http://localhost:{port}/a.mp4"),
            format!("http://[::ffff:7f00:1]:{port}/a.mp4"),
            format!("http://2130706433:{port}/a.mp4"),
            "http://169.254.169.254/latest/meta-data".to_owned(),
            "rtsp://10.0.0.1/a".to_owned(),
            "https://192.168.0.1/a".to_owned(),
        ] {
            let (status, body) = watch(&app, &url).await;
            check_error(status, &body, (403, "url-not-allowed"));
        }
        assert!(requests.lock().expect("a list").is_empty());
        for (url, error) in [
            (format!("file:///{PASSWORD}"), "invalid-settings"),
            (
                format!("rtsps://a:{PASSWORD}@camera.example"),
                "invalid-settings",
            ),
            (format!("no URL {PASSWORD}"), "invalid-settings"),
            (
                "http://no-such-host.invalid/a.mp4".to_owned(),
                "unknown-source",
            ),
        ] {
            let (status, body) = watch(&app, &url).await;
            check_error(status, &body, (422, error));
            assert_eq!(body["field"], "url");
        }
    });
    let app = WebApp::with(&service, |config| {
        config.source_hosts = SourceHosts {
            listed: Vec::new(),
            public: false,
        };
    });
    play(async {
        assert_eq!(app.get("/").await["url_sources"], false);
        let (status, body) = watch(&app, "rtsp://camera.example/a").await;
        check_error(status, &body, (403, "url-not-allowed"));
    });
}

#[test]
fn a_file_is_downloaded() {
    let service = Service::start();
    let app = listing(&service, &["127.0.0.1"]);
    play(async {
        let film = std::fs::read(video("bikes.mp4")).expect("it is there");
        let size = film.len();
        let router = axum::Router::new()
            .route("/bikes.mp4", axum::routing::get(async move || film))
            .route(
                "/here",
                axum::routing::get(async || axum::response::Redirect::to("/bikes.mp4")),
            )
            .route("/text.mp4", axum::routing::get(async || "no video"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let (status, body) = watch(&app, &format!("http://me:{PASSWORD}@{address}/here")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let id = body["session_id"].as_str().expect("an id");
        let session = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(
            (&session["source"], &session["file_size"]),
            (&json!("url"), &json!(size))
        );
        app.start_stream(id, stream_settings()).await;
        service.wait("answers", |seen| {
            seen.streams.iter().any(|stream| !stream.answers.is_empty())
        });
        let (status, body) = watch(&app, &format!("http://{address}/text.mp4")).await;
        check_error(status, &body, (422, "no-video"));
        let (status, body) = watch(&app, &format!("http://{address}/nothing.mp4")).await;
        check_error(status, &body, (422, "unknown-source"));
        serving.abort();
    });
}

#[test]
fn redirects_to_the_own_network_are_not_followed() {
    let service = Service::start();
    // The host has another name than the target of the redirect, which is not listed.
    let app = listing(&service, &["127.0.0.1"]);
    play(async {
        let (target, requests) = answering("RTSP/1.0 200 OK\r\nCSeq\r\n\r\n".to_owned()).await;
        let to = format!("HTTP/1.1 302 Found\r\nLocation: http://localhost:{target}/a.mp4\r\n\r\n");
        let (port, _) = answering(to).await;
        let (status, body) = watch(&app, &format!("http://127.0.0.1:{port}/a.mp4")).await;
        check_error(status, &body, (403, "url-not-allowed"));
        let to =
            format!("RTSP/1.0 302 Found\r\nCSeq\r\nLocation: rtsp://localhost:{target}/a\r\n\r\n");
        let (port, asked) = answering(to).await;
        let (status, body) = watch(&app, &format!("rtsp://127.0.0.1:{port}/a")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let path = format!(
            "/start-stream/{}",
            body["session_id"].as_str().expect("an id")
        );
        let (status, body) = app.call(Method::POST, &path, Some(stream_settings())).await;
        check_error(status, &body, (422, "video"));
        let message = body["message"].as_str().expect("a sentence");
        assert!(
            message.contains("it redirects to another address"),
            "{message}"
        );
        assert!(!asked.lock().expect("a list").is_empty());
        assert!(requests.lock().expect("a list").is_empty());
    });
}

#[test]
fn a_camera_that_is_not_there_is_reported() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.start_timeout = Duration::from_secs(20);
        config.source_hosts.listed = vec!["127.0.0.1".to_owned()];
    });
    play(async {
        let unused = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = unused.local_addr().expect("bound");
        drop(unused);
        let (status, body) = watch(&app, &format!("rtsp://u:{PASSWORD}@{address}/a")).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let path = format!(
            "/start-stream/{}",
            body["session_id"].as_str().expect("an id")
        );
        let (status, body) = app.call(Method::POST, &path, Some(stream_settings())).await;
        check_error(status, &body, (422, "video"));
        assert!(!body.to_string().contains(PASSWORD), "{body}");
        let message = body["message"].as_str().expect("a sentence");
        assert!(message.contains("it cannot be reached"), "{message}");
    });
}
