// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fetches what an HTTP URL of a user leads to: a video file, which is downloaded, or the live video of a camera.

use std::time::Duration;

use axum::http::{StatusCode, header};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use url::Url;

use super::http_get::{failed, get};
use crate::config::SourceHosts;
use crate::error::AppError;

/// The type of a body that is replaced again and again: the pictures of a camera.
const LIVE_TYPE: &str = "multipart/x-mixed-replace";
/// Time limit for the next chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for the whole file.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What is at a URL.
pub(crate) enum Found {
    /// A file of this size, which is downloaded.
    File(u64),
    /// A camera. Nothing of it was read.
    Camera,
}

/// Downloads into this file, unless the URL is a camera's.
pub(crate) async fn download(
    url: Url,
    hosts: &SourceHosts,
    path: &TempPath,
    limit: u64,
) -> Result<Found, AppError> {
    let downloading = async {
        let response = get(url, hosts).await?;
        match is_live(&response) {
            true => Ok(Found::Camera),
            false => store(response, path, limit).await.map(Found::File),
        }
    };
    timeout(DOWNLOAD_TIMEOUT, downloading)
        .await
        .unwrap_or_else(|_| Err(failed("it takes too long")))
}

/// Whether the response is a camera's: pictures without an end.
pub(super) fn is_live(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let name = kind.split(';').next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case(LIVE_TYPE)
}

async fn store(
    mut response: reqwest::Response,
    path: &TempPath,
    limit: u64,
) -> Result<u64, AppError> {
    if response.content_length().is_some_and(|size| size > limit) {
        return Err(too_large(limit));
    }
    let mut file = File::create(path).await.map_err(AppError::unexpected)?;
    let mut size = 0;
    loop {
        let chunk = match timeout(CHUNK_TIMEOUT, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(_)) | Err(_) => return Err(failed("the connection broke")),
        };
        size += chunk.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        file.write_all(&chunk).await.map_err(AppError::unexpected)?;
    }
    file.flush().await.map_err(AppError::unexpected)?;
    Ok(size)
}

fn too_large(limit: u64) -> AppError {
    AppError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The file is too large. The limit is {} MB.", limit >> 20),
    )
    .field("url")
}
