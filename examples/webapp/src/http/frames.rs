// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `GET /sessions/{session_id}/frames`: the frames that are sent, as pictures that replace each other (MJPEG).

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::Id;
use crate::app::App;
use crate::error::AppError;

/// Separates the pictures. It does not occur in a JPEG, and clients use the length anyway.
const BOUNDARY: &str = "overshoot-frame";

pub(super) async fn show_frames(State(app): State<Arc<App>>, id: Id) -> Result<Response, AppError> {
    let session = app.session(id)?;
    let viewer = session.preview.viewer()?;
    let pictures = stream::unfold((viewer, session), |(mut viewer, session)| async move {
        let picture = tokio::select! {
            picture = viewer.next() => picture?,
            () = session.closed.cancelled() => return None,
        };
        // A browser shows a picture when the next boundary arrives, so it comes right after the picture.
        let mut part = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            picture.len()
        );
        let end = format!("\r\n--{BOUNDARY}\r\n");
        let mut bytes = std::mem::take(&mut part).into_bytes();
        bytes.extend_from_slice(&picture);
        bytes.extend_from_slice(end.as_bytes());
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(bytes)),
            (viewer, session),
        ))
    });
    let first = Bytes::from(format!("--{BOUNDARY}\r\n"));
    let first = stream::once(async { Ok::<_, std::convert::Infallible>(first) });
    let body = Body::from_stream(futures_util::StreamExt::chain(first, pictures));
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}
