//! `POST /upload-video`: a file into the folder of uploads. Its size is counted while it is read,
//! and what does not come to its end is deleted.

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
use crate::error::AppError;
use crate::probe;
use crate::source::{Source, Upload};

/// What a form takes around the file.
const FORM: u64 = 64 * 1024;
/// How long the next piece may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a refused upload is read.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longer names are cut: they are shown, and nothing else.
const NAME: usize = 120;

pub(crate) async fn upload(
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
    let most = app.shared.config.max_upload;
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let fits = told.is_none_or(|length| length <= most + FORM);
    if !fits && headers.contains_key(header::EXPECT) {
        // It waits to be asked for the body, and will not be.
        return Err(too_large(most));
    }
    let receiving = async {
        if !fits {
            return Err(too_large(most));
        }
        let place = app.place()?;
        Ok((receive(&app, &mut form).await?, place))
    };
    let received = tokio::select! {
        received = receiving => received,
        () = app.shared.stop.cancelled() => Err(AppError::closing()),
    };
    let (upload, place) = match received {
        Ok(received) => received,
        Err(error) => {
            // Most clients read no answer before they have sent all.
            let _ = timeout(FAREWELL, read_on(&mut form)).await;
            return Err(error);
        }
    };
    let (filename, size) = (upload.filename.clone(), upload.size);
    let session_id = app.open(Source::File(upload), place)?;
    let told = json!({
        "session_id": session_id,
        "filename": filename,
        "status": "uploaded",
        "file_size": size,
    });
    Ok((StatusCode::CREATED, Json(told)))
}

async fn receive(app: &App, form: &mut Multipart) -> Result<Upload, AppError> {
    while let Some(field) = in_time(form.next_field()).await? {
        if field.name() != Some("file") {
            continue;
        }
        let filename = shown(field.file_name().unwrap_or_default());
        let extension = probe::extension(&filename)?;
        let file = tempfile::Builder::new()
            .suffix(&format!(".{extension}"))
            .tempfile_in(app.folder.path())
            .map_err(unwritable)?;
        // From here on it is deleted when `path` is dropped.
        let (file, path) = file.into_parts();
        let size = copy(field, file.into(), app.shared.config.max_upload).await?;
        let looking = {
            let (path, filename) = (path.to_path_buf(), filename.clone());
            tokio::task::spawn_blocking(move || probe::look(&path, &filename))
        };
        looking.await.map_err(AppError::unexpected)??;
        return Ok(Upload {
            path,
            filename,
            size,
        });
    }
    Err(AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "no-file",
        "There is no file in the form: send it in the field “file”.",
    )
    .field("file"))
}

/// To its end, for nothing.
async fn read_on(form: &mut Multipart) {
    while let Ok(Some(mut field)) = form.next_field().await {
        while let Ok(Some(_)) = field.chunk().await {}
    }
}

async fn copy(mut field: Field<'_>, mut file: File, most: u64) -> Result<u64, AppError> {
    let mut size = 0;
    while let Some(piece) = in_time(field.chunk()).await? {
        size += piece.len() as u64;
        if size > most {
            return Err(too_large(most));
        }
        file.write_all(&piece).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    Ok(size)
}

async fn in_time<T>(
    piece: impl Future<Output = Result<Option<T>, MultipartError>>,
) -> Result<Option<T>, AppError> {
    match timeout(PATIENCE, piece).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(AppError::new(
            StatusCode::BAD_REQUEST,
            "bad-form",
            format!("The upload is broken: {}.", error.body_text()),
        )),
        Err(_) => Err(AppError::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "The upload came to a halt: try again.",
        )),
    }
}

/// A name as people know it, without folders.
fn shown(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: Vec<char> = name.chars().filter(|c| !c.is_control()).collect();
    // The end tells what it is.
    name[name.len().saturating_sub(NAME)..].iter().collect()
}

fn too_large(most: u64) -> AppError {
    let most = if most >= 1 << 20 {
        format!("{} MB", most >> 20)
    } else {
        format!("{most} bytes")
    };
    AppError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The file is too large: it may have {most} at the most."),
    )
}

fn unwritable(error: std::io::Error) -> AppError {
    AppError::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "storage",
        format!("The server can't store the file: {error}."),
    )
}
