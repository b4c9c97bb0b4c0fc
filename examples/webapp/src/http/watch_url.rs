// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `POST /watch-url`: a session with a camera (RTSP or HTTP), or with a file that is downloaded (HTTP).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::body::{Body, read_object};
use crate::app::App;
use crate::error::AppError;
use crate::media::{Camera, Found, check_video, download};
use crate::session::{Source, Upload};

/// Longer URLs are none.
const MAX_URL_BYTES: usize = 4096;

pub(super) async fn watch_url(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), AppError> {
    let body = read_object(&headers, body)?;
    let url = read_url(body.get("url"))?;
    let hosts = app.shared.config.source_hosts.clone();
    if !hosts.allows_any() {
        return Err(AppError::new(
            StatusCode::FORBIDDEN,
            "url-not-allowed",
            "This server accepts no URLs. Its operator can allow hosts in BACKEND_SOURCE_HOSTS.",
        ));
    }
    let slot = app.take_slot()?;
    let source = if url.scheme() == "rtsp" {
        let camera = Camera::new(url);
        let checking = tokio::task::spawn_blocking(move || camera.check(&hosts).map(|()| camera));
        Source::Camera(checking.await.map_err(AppError::unexpected)??)
    } else {
        let fetching = fetch(&app, url);
        tokio::select! {
            source = fetching => source?,
            () = app.shared.stop.cancelled() => return Err(AppError::closing()),
        }
    };
    let session_id = app.open(source, slot)?;
    let response = json!({"session_id": session_id, "status": "ready", "source": "url"});
    Ok((StatusCode::CREATED, Json(response)))
}

/// The errors do not repeat the URL: it may contain a password.
fn read_url(value: Option<&Value>) -> Result<Url, AppError> {
    let invalid = |why: &str| {
        AppError::invalid(format!(
            "{why} Write rtsp://host/path for a camera, or the http or https address of a camera or of a video file."
        ))
        .field("url")
    };
    let text = value
        .and_then(Value::as_str)
        .filter(|text| text.len() <= MAX_URL_BYTES)
        .ok_or_else(|| invalid("The field url must be a text, the address of the video."))?;
    let url = Url::parse(text.trim()).map_err(|_| invalid("The url is not an address."))?;
    match url.scheme() {
        "rtsp" | "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(url),
        _ => Err(invalid("URLs of this kind are not supported.")),
    }
}

/// Downloads a file, or finds out that it is a camera.
async fn fetch(app: &App, url: Url) -> Result<Source, AppError> {
    let last = url
        .path_segments()
        .and_then(|mut segments| segments.next_back());
    let last = last.filter(|name| !name.is_empty()).unwrap_or("video");
    let filename = super::upload::display_name(last);
    let config = &app.shared.config;
    let file = tempfile::Builder::new()
        .tempfile_in(app.folder.path())
        .map_err(AppError::unexpected)?;
    // Dropping it deletes the file.
    let path = file.into_temp_path();
    let limit = config.max_upload_bytes;
    let size = match download(url.clone(), &config.source_hosts, &path, limit).await? {
        Found::File(size) => size,
        Found::Camera => return Ok(Source::Camera(Camera::new(url))),
    };
    let checking = {
        let (path, filename) = (path.to_path_buf(), filename.clone());
        tokio::task::spawn_blocking(move || check_video(&path, &filename))
    };
    let video = checking.await.map_err(AppError::unexpected)??;
    Ok(Source::File(Upload {
        path,
        filename,
        size,
        is_download: true,
        video,
    }))
}
