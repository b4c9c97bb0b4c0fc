// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Downloads a video file from an HTTP URL of a user.

use std::time::Duration;

use axum::http::{StatusCode, header};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use url::Url;

use super::address::resolve;
use crate::config::SourceHosts;
use crate::error::AppError;

const MAX_REDIRECTS: usize = 3;
/// Time limit for the response to a request.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for the next chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for the whole file.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Downloads into this file. Returns the size.
pub(crate) async fn download(
    url: Url,
    hosts: &SourceHosts,
    path: &TempPath,
    limit: u64,
) -> Result<u64, AppError> {
    let downloading = async {
        let response = request(url, hosts).await?;
        store(response, path, limit).await
    };
    timeout(DOWNLOAD_TIMEOUT, downloading)
        .await
        .unwrap_or_else(|_| Err(failed("it takes too long")))
}

async fn request(mut url: Url, hosts: &SourceHosts) -> Result<reqwest::Response, AppError> {
    for _ in 0..=MAX_REDIRECTS {
        let response = request_once(&url, hosts).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if !status.is_redirection() {
            return Err(failed(&format!(
                "the host answered with the status {status}"
            )));
        }
        // Each address on the way is checked like the first one.
        let target = response.headers().get(header::LOCATION);
        let target = target.and_then(|target| url.join(target.to_str().ok()?).ok());
        url = target
            .filter(|target| matches!(target.scheme(), "http" | "https"))
            .ok_or_else(|| failed("the host redirects to an address that is none"))?;
    }
    Err(failed("the host redirects too often"))
}

async fn request_once(url: &Url, hosts: &SourceHosts) -> Result<reqwest::Response, AppError> {
    let (own_url, own_hosts) = (url.clone(), hosts.clone());
    let port = url.port_or_known_default().unwrap_or_default();
    let resolving = tokio::task::spawn_blocking(move || resolve(&own_url, port, &own_hosts));
    let address = resolving.await.map_err(AppError::unexpected)??;
    let client = overshoot_emulator::http_client()
        .map_err(AppError::unexpected)?
        // The checked address, whatever the name resolves to now.
        .resolve(url.host_str().unwrap_or_default(), address)
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve the name again.
        .no_proxy()
        .build()
        .map_err(AppError::unexpected)?;
    match timeout(RESPONSE_TIMEOUT, client.get(url.clone()).send()).await {
        Ok(Ok(response)) => Ok(response),
        // The error is not shown: it contains the URL, and with it perhaps a password.
        Ok(Err(error)) if error.is_connect() => Err(failed("the host cannot be reached")),
        Ok(Err(_)) => Err(failed("the connection broke")),
        Err(_) => Err(failed("the host does not answer")),
    }
}

async fn store(
    mut response: reqwest::Response,
    path: &TempPath,
    limit: u64,
) -> Result<u64, AppError> {
    let is_live = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/"));
    if is_live {
        return Err(failed(
            "it is a live stream. Of a camera, give the RTSP URL",
        ));
    }
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

fn failed(why: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown-source",
        format!("The video cannot be downloaded: {why}."),
    )
    .field("url")
}

fn too_large(limit: u64) -> AppError {
    AppError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The file is too large. The limit is {} MB.", limit >> 20),
    )
    .field("url")
}
