// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Video in one colour by other ways than RTSP: files, an HTTP server, and SRT.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use gst::prelude::*;

/// User and password of the MJPEG camera, as HTTP sends them: `admin:s3same`.
const LOGIN: &str = "Basic YWRtaW46czNzYW1l";

/// Endless live video in this colour (RRGGBB), with this encoder and what follows it.
pub fn live(colour: &str, encoder: &str) -> String {
    format!("videotestsrc is-live=true {}", picture(colour, encoder))
}

fn picture(colour: &str, encoder: &str) -> String {
    format!(
        "pattern=solid-color foreground-color=0xff{colour} \
         ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {encoder}"
    )
}

/// Runs the encoder over this much video.
pub fn make(seconds: u32, colour: &str, encoder: &str) {
    let frames = seconds * 25;
    let line = format!(
        "videotestsrc num-buffers={frames} {}",
        picture(colour, encoder)
    );
    run_line(&line);
}

/// Runs a launch line to its end.
pub fn run_line(line: &str) {
    let pipeline = gst::parse::launch(line).expect("it is valid");
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let ended = pipeline
        .bus()
        .expect("a bus")
        .timed_pop_filtered(
            gst::ClockTime::from_seconds(40),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        )
        .expect("it ends");
    assert_eq!(ended.type_(), gst::MessageType::Eos, "{ended:?}");
    pipeline.set_state(gst::State::Null).expect("it stops");
}

/// An HTTP server with the files of a folder, and with a camera at `/mjpeg` that sends `picture.jpg` 25 times a second.
pub struct HttpServer {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl HttpServer {
    pub fn of(folder: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder: Arc<Path> = folder.into();
        let router = Router::new()
            .route("/mjpeg", get(mjpeg))
            .route("/{file}", get(file))
            .with_state(folder);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self {
            address,
            _runtime: runtime,
        }
    }
}

async fn file(State(folder): State<Arc<Path>>, UrlPath(name): UrlPath<String>) -> Response {
    match std::fs::read(folder.join(&name)) {
        Ok(bytes) => bytes.into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn mjpeg(State(folder): State<Arc<Path>>, headers: HeaderMap) -> Response {
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|login| login != LOGIN)
    {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"camera\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let jpeg = std::fs::read(folder.join("picture.jpg")).expect("a picture");
    let head = format!(
        "--part\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        jpeg.len()
    );
    let part = [head.as_bytes(), &jpeg, b"\r\n"].concat();
    let each = tokio::time::interval(Duration::from_millis(40));
    let parts = stream::unfold((each, part), |(mut each, part)| async {
        each.tick().await;
        Some((Ok::<_, std::io::Error>(part.clone()), (each, part)))
    });
    let kind = [(
        header::CONTENT_TYPE,
        "multipart/x-mixed-replace; boundary=part",
    )];
    (kind, Body::from_stream(parts)).into_response()
}

/// A camera that sends MPEG-TS by SRT to whoever connects.
pub struct SrtCamera {
    pub url: String,
    pipeline: gst::Element,
}

impl SrtCamera {
    pub fn serve(line: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("bound").port();
        drop(socket);
        let url = format!("srt://127.0.0.1:{port}");
        let sink = format!("srtsink uri={url}?mode=listener wait-for-connection=false");
        let pipeline = gst::parse::launch(&format!("{line} ! mpegtsmux alignment=7 ! {sink}"));
        let pipeline = pipeline.expect("it is valid");
        pipeline.set_state(gst::State::Playing).expect("it starts");
        Self { url, pipeline }
    }
}

impl Drop for SrtCamera {
    fn drop(&mut self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
