// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `GET /sessions/{session_id}/video`: the uploaded file, also in parts, so that browsers can seek.

use std::io::SeekFrom;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::Id;
use crate::app::App;
use crate::error::AppError;

const CHUNK_BYTES: u64 = 128 * 1024;

pub(super) async fn show_video(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let session = app.session(id)?;
    let path = session.file.as_ref().ok_or_else(|| {
        let text = "This session has no file: its video is live.";
        AppError::new(StatusCode::NOT_FOUND, "no-file", text)
    })?;
    session.events.mark_used();
    // If the session ends meanwhile, the open file can still be read.
    let mut file = File::open(path).await.map_err(|_| AppError::gone())?;
    let size = file.metadata().await.map_err(AppError::unexpected)?.len();
    let asked = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let (status, part) = match asked.map(|asked| parse_range(asked, size)) {
        None | Some(Asked::Everything) => (StatusCode::OK, (0, size)),
        Some(Asked::Part(first, end)) => (StatusCode::PARTIAL_CONTENT, (first, end)),
        Some(Asked::Outside) => {
            let all = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, all).into_response());
        }
    };
    let (first, end) = part;
    let sought = file.seek(SeekFrom::Start(first)).await;
    sought.map_err(AppError::unexpected)?;
    let mut response = (status, read(file, end - first)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(path)),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, (end - first).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{size}", end - 1);
        let range = HeaderValue::from_str(&range).map_err(AppError::unexpected)?;
        headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// The type by the extension that the upload was accepted with. Browsers play MOV files as MP4.
fn content_type(path: &FilePath) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("webm") => "video/webm",
        Some("mkv") => "video/x-matroska",
        Some("avi") => "video/x-msvideo",
        _ => "video/mp4",
    }
}

fn read(file: File, bytes: u64) -> Body {
    let chunks = stream::try_unfold((file, bytes), |(mut file, left)| async move {
        let mut chunk = vec![0; left.min(CHUNK_BYTES) as usize];
        let read = if left == 0 {
            0
        } else {
            file.read(&mut chunk).await?
        };
        if read == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    });
    Body::from_stream(chunks)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Everything,
    /// From this byte to before that one.
    Part(u64, u64),
    Outside,
}

/// Reads one range. As RFC 9110 allows, everything is sent for several ranges or other units.
fn parse_range(text: &str, size: u64) -> Asked {
    let range = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((first, last)) = range else {
        return Asked::Everything;
    };
    let (first, last) = (first.trim(), last.trim());
    let (first, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(count)) if first.is_empty() => (size - count.min(size), size),
        _ => return Asked::Everything,
    };
    if first < end {
        Asked::Part(first, end)
    } else {
        Asked::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_within_the_file() {
        for (text, asked) in [
            ("bytes=0-9", Asked::Part(0, 10)),
            ("bytes=90-", Asked::Part(90, 100)),
            ("bytes=-30", Asked::Part(70, 100)),
            ("bytes=-300", Asked::Part(0, 100)),
            ("bytes=50-18446744073709551615", Asked::Part(50, 100)),
            ("bytes=100-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=9-0", Asked::Everything),
            ("bytes=0-1,5-6", Asked::Everything),
            ("bytes=-", Asked::Everything),
            ("frames=1-2", Asked::Everything),
        ] {
            assert_eq!(parse_range(text, 100), asked, "{text}");
        }
    }
}
