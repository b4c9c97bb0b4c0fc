// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Live cameras by HTTP, which send JPEG after JPEG (MJPEG).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::support::{
    Service, Watcher, WebApp, check_error, make_any_video, play, stream_settings, wait_until,
};
use crate::urls::{PASSWORD, answering, listing, watch};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use futures_util::stream;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A camera: an HTTP server on its own port. Dropping it ends the server, but no connections.
struct HttpCamera {
    address: SocketAddr,
    /// How many clients get its video.
    clients: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for HttpCamera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Counts a client as long as it lives.
struct Client(Arc<AtomicUsize>);

impl Client {
    fn new(clients: &Arc<AtomicUsize>) -> Self {
        clients.fetch_add(1, Ordering::SeqCst);
        Self(clients.clone())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A red picture.
static RED: LazyLock<Bytes> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder");
    let line = "videotestsrc num-buffers=1 pattern=red ! video/x-raw,format=I420,width=320,height=240 ! jpegenc";
    let path = make_any_video(folder.path(), "red.jpg", line);
    std::fs::read(path).expect("it was made").into()
});

/// Video of so many parts, 25 a second, with or without their length.
fn video(parts: usize, length: bool, boundary: &str, clients: &Arc<AtomicUsize>) -> Response {
    let picture = RED.clone();
    let length = match length {
        true => format!("Content-Length: {}\r\n", picture.len()),
        false => String::new(),
    };
    let head = format!("--camera\r\nContent-Type: image/jpeg\r\n{length}\r\n");
    let part = Bytes::from([head.as_bytes(), &picture, b"\r\n"].concat());
    let client = Client::new(clients);
    let sent = stream::unfold((client, part, parts), async |(client, part, left)| {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let next = (client, part.clone(), left.checked_sub(1)?);
        Some((Ok::<_, Infallible>(part), next))
    });
    let kind = format!("multipart/x-mixed-replace;boundary={boundary}");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(sent)).into_response()
}

impl HttpCamera {
    /// `moved`: where the second request for `/moving` is sent to.
    async fn start(moved: String) -> Self {
        let clients = Arc::new(AtomicUsize::new(0));
        let (open, plain, short, first) = (
            clients.clone(),
            clients.clone(),
            clients.clone(),
            clients.clone(),
        );
        let requests = Arc::new(AtomicUsize::new(0));
        let router = Router::new()
            .route(
                "/short",
                get(async move || video(10, true, "camera", &short)),
            )
            .route(
                "/here",
                get(async |headers: HeaderMap| {
                    let host = headers[header::HOST].to_str().expect("a name");
                    Redirect::to(&format!("http://{host}/live?quality=9"))
                }),
            )
            .route(
                "/live",
                get(async move |headers: HeaderMap| {
                    // admin:secret-of-the-camera
                    let wanted = "Basic YWRtaW46c2VjcmV0LW9mLXRoZS1jYW1lcmE=";
                    match headers.get(header::AUTHORIZATION) {
                        Some(given) if given == wanted => video(usize::MAX, true, "camera", &plain),
                        _ => {
                            let asked = [(header::WWW_AUTHENTICATE, "Basic realm=\"camera\"")];
                            (StatusCode::UNAUTHORIZED, asked).into_response()
                        }
                    }
                }),
            )
            // Cameras write the boundary in many ways, and not all write the length of a picture.
            .route(
                "/digest",
                get(async move |headers: HeaderMap| {
                    let given = headers.get(header::AUTHORIZATION);
                    let given = given
                        .and_then(|given| given.to_str().ok())
                        .unwrap_or_default();
                    // Computed with md5sum.
                    match given.contains("response=\"a9f8a51605ab05740164e406d3695370\"") {
                        true => video(usize::MAX, false, "\"--camera\"", &open),
                        false => {
                            let asked = "Digest realm=\"camera\", nonce=\"1\"";
                            let asked = [(header::WWW_AUTHENTICATE, asked)];
                            (StatusCode::UNAUTHORIZED, asked).into_response()
                        }
                    }
                }),
            )
            .route(
                "/other",
                get(async || {
                    let asked = [(header::WWW_AUTHENTICATE, "Negotiate")];
                    (StatusCode::UNAUTHORIZED, asked)
                }),
            )
            .route(
                "/moving",
                get(
                    async move || match requests.fetch_add(1, Ordering::SeqCst) {
                        0 => video(usize::MAX, true, "camera", &first),
                        _ => Redirect::to(&moved).into_response(),
                    },
                ),
            )
            .route(
                "/text",
                get(async || {
                    let kind = [(
                        header::CONTENT_TYPE,
                        "Multipart/X-Mixed-Replace; boundary=a",
                    )];
                    let part = "--a\r\nContent-Type: text/plain\r\n\r\nno picture\r\n";
                    (kind, part.repeat(99))
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            address,
            clients,
            serving,
        }
    }

    fn clients(&self) -> usize {
        self.clients.load(Ordering::SeqCst)
    }
}

async fn session(app: &WebApp, url: &str) -> String {
    let (status, body) = watch(app, url).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body["session_id"].as_str().expect("an id").to_owned()
}

/// The error that a stream ends with. It may come before or after the answer to its start.
async fn failure(app: &WebApp, url: &str) -> Value {
    let id = session(app, url).await;
    let mut watcher = Watcher::of(app, &id).await;
    // All events from now on arrive.
    watcher.next_of("session").await;
    let path = format!("/start-stream/{id}");
    app.call(Method::POST, &path, Some(stream_settings())).await;
    let error = watcher.next_of("error").await;
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    error
}

#[test]
fn a_camera_is_asked_about() {
    for (api, path) in [("v0.2", "here"), ("v1", "digest?quality=9")] {
        let service = Service::of(api, |_| {});
        let app = listing(&service, &["127.0.0.1"]);
        play(async {
            let camera = HttpCamera::start(String::new()).await;
            let url = format!("http://admin:{PASSWORD}@{}/{path}", camera.address);
            let id = session(&app, &url).await;
            // Until it starts, nobody is connected to the camera.
            wait_until("no client", || camera.clients() == 0).await;
            app.start_stream(&id, stream_settings()).await;
            let seen = service.wait("frames of the camera", |seen| {
                seen.streams.iter().any(|stream| stream.frames.len() > 3)
            });
            let frame = &seen.streams[0].frames[3];
            let [red, green, blue] = frame.rgb;
            assert!(red > 200 && green < 60 && blue < 60, "{:?}", frame.rgb);
            assert_eq!((frame.width, frame.height), (320, 240));
            assert_eq!(camera.clients(), 1);
            // It is live: there is no file, and no duration.
            let session = app.get(&format!("/sessions/{id}")).await;
            assert_eq!(session["source"], "url");
            assert_eq!(session["filename"], camera.address.to_string());
            for absent in ["video", "file_size"] {
                assert_eq!(session[absent], Value::Null, "{absent}");
            }
            assert!(!session.to_string().contains(PASSWORD));
            let video = format!("/sessions/{id}/video");
            let (status, body) = app.call(Method::GET, &video, None).await;
            check_error(status, &body, (404, "no-file"));
            let stop = format!("/stop-stream/{id}");
            app.call(Method::POST, &stop, None).await;
            wait_until("no client", || camera.clients() == 0).await;
            // It can be started again, and ends with its session.
            app.start_stream(&id, stream_settings()).await;
            wait_until("a client", || camera.clients() == 1).await;
            app.call(Method::DELETE, &format!("/sessions/{id}"), None)
                .await;
            wait_until("no client", || camera.clients() == 0).await;
        });
        drop(app);
        service.assert_all_deleted();
    }
}

#[test]
fn the_end_of_a_camera_is_the_end_of_the_stream() {
    let service = Service::start();
    let app = listing(&service, &["127.0.0.1"]);
    play(async {
        let camera = HttpCamera::start(String::new()).await;
        let id = session(&app, &format!("http://{}/short", camera.address)).await;
        let mut watcher = Watcher::of(&app, &id).await;
        watcher.next_of("session").await;
        let settings = Some(stream_settings());
        // So few frames may be over before the service has them all.
        app.call(Method::POST, &format!("/start-stream/{id}"), settings)
            .await;
        watcher.states("ended").await;
        let session = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(session["reason"], "The camera has ended its video.");
    });
}

#[test]
fn what_is_no_camera_is_explained() {
    let service = Service::start();
    let app = listing(&service, &["127.0.0.1"]);
    play(async {
        let (target, requests) = answering("HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
        let moved = format!("http://localhost:{target}/live");
        let camera = HttpCamera::start(moved).await;
        let address = camera.address;
        for (url, why) in [
            (
                format!("http://{address}/live"),
                "http://user:password@host",
            ),
            (
                format!("http://admin:wrong@{address}/live"),
                "refuses the user name or the password",
            ),
            (
                format!("http://admin:wrong@{address}/digest"),
                "refuses the user name or the password",
            ),
            (
                format!("http://admin:{PASSWORD}@{address}/other"),
                "another kind than basic and digest",
            ),
        ] {
            let (status, body) = watch(&app, &url).await;
            check_error(status, &body, (422, "unknown-source"));
            let message = body["message"].as_str().expect("a sentence");
            assert!(message.contains(why), "{message}");
        }
        // Redirects are checked at each start, not only at the first request.
        let error = failure(&app, &format!("http://{address}/moving")).await;
        assert_eq!(error["error"], "url-not-allowed", "{error}");
        assert!(requests.lock().expect("a list").is_empty());
        let error = failure(&app, &format!("http://{address}/text")).await;
        assert_eq!(error["error"], "video", "{error}");
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.contains("it sends no JPEG pictures"), "{message}");
    });
}
