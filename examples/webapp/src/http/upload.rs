// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `POST /upload-video`: stores a file in the folder of uploads. The size is checked while it is read, and an
//! incomplete file is deleted.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::app::App;
use crate::count::count;
use crate::error::AppError;
use crate::media::{check_video, find_extension};
use crate::session::{Source, Upload};

/// Limit for the parts of the form besides the file.
const MAX_FORM_OVERHEAD_BYTES: u64 = 64 * 1024;
/// Time limit for the next chunk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long the rest of a refused upload is read.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer names are cut. They are only displayed.
const MAX_NAME_CHARS: usize = 120;

pub(super) async fn upload_video(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<Value>), AppError> {
    let mut form = form.map_err(|rejection| {
        AppError::new(
            rejection.status(),
            "bad-form",
            "Send the video as multipart/form-data, in the field “file”.",
        )
    })?;
    let limit = app.shared.config.max_upload_bytes;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let fits = length.is_none_or(|length| length <= limit + MAX_FORM_OVERHEAD_BYTES);
    if !fits && headers.contains_key(header::EXPECT) {
        // The client waits for permission to send the body. This answer refuses it.
        return Err(too_large(limit));
    }
    let receiving = async {
        if !fits {
            return Err(too_large(limit));
        }
        let slot = app.take_slot()?;
        Ok((receive(&app, &mut form).await?, slot))
    };
    let received = tokio::select! {
        received = receiving => received,
        () = app.shared.stop.cancelled() => Err(AppError::closing()),
    };
    let (upload, slot) = match received {
        Ok(received) => received,
        Err(error) => {
            // Most clients read the response only after they have sent everything.
            let _ = timeout(DRAIN_TIMEOUT, drain(&mut form)).await;
            return Err(error);
        }
    };
    let (filename, size) = (upload.filename.clone(), upload.size);
    let session_id = app.open(Source::File(upload), slot)?;
    let response = json!({
        "session_id": session_id,
        "filename": filename,
        "status": "uploaded",
        "file_size": size,
    });
    Ok((StatusCode::CREATED, Json(response)))
}

async fn receive(app: &App, form: &mut Multipart) -> Result<Upload, AppError> {
    while let Some(field) = next_in_time(form.next_field()).await? {
        if field.name() != Some("file") {
            continue;
        }
        let filename = display_name(field.file_name().unwrap_or_default());
        let extension = find_extension(&filename)?;
        let file = tempfile::Builder::new()
            .suffix(&format!(".{extension}"))
            .tempfile_in(app.folder.path())
            .map_err(unwritable)?;
        // From here on, dropping `path` deletes the file.
        let (file, path) = file.into_parts();
        let size = copy(field, file.into(), app.shared.config.max_upload_bytes).await?;
        let checking = {
            let (path, filename) = (path.to_path_buf(), filename.clone());
            tokio::task::spawn_blocking(move || check_video(&path, &filename))
        };
        let video = checking.await.map_err(AppError::unexpected)??;
        return Ok(Upload {
            path,
            filename,
            size,
            is_download: false,
            video,
        });
    }
    Err(AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "no-file",
        "There is no file in the form. Send it in the field “file”.",
    )
    .field("file"))
}

/// Reads the rest of the form and discards it.
async fn drain(form: &mut Multipart) {
    while let Ok(Some(mut field)) = form.next_field().await {
        while let Ok(Some(_)) = field.chunk().await {}
    }
}

async fn copy(mut field: Field<'_>, mut file: File, limit: u64) -> Result<u64, AppError> {
    let mut size = 0;
    while let Some(chunk) = next_in_time(field.chunk()).await? {
        size += chunk.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        file.write_all(&chunk).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    Ok(size)
}

async fn next_in_time<T>(
    chunk: impl Future<Output = Result<Option<T>, MultipartError>>,
) -> Result<Option<T>, AppError> {
    match timeout(CHUNK_TIMEOUT, chunk).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(AppError::new(
            StatusCode::BAD_REQUEST,
            "bad-form",
            format!("The upload is malformed: {}.", error.body_text()),
        )),
        Err(_) => Err(AppError::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "The upload stalled. Try again.",
        )),
    }
}

/// The file name without folders, for display.
pub(super) fn display_name(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: Vec<char> = name.chars().filter(|c| !c.is_control()).collect();
    // Keep the end: it has the extension.
    name[name.len().saturating_sub(MAX_NAME_CHARS)..]
        .iter()
        .collect()
}

fn too_large(limit: u64) -> AppError {
    let limit = if limit >= 1 << 20 {
        format!("{} MB", limit >> 20)
    } else {
        count(usize::try_from(limit).unwrap_or(usize::MAX), "byte")
    };
    AppError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The file is too large. The limit is {limit}."),
    )
}

fn unwritable(error: std::io::Error) -> AppError {
    AppError::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "storage",
        format!("The server cannot store the file: {error}."),
    )
}
