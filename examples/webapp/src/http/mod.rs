// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The HTTP side: every route, what a request must pass, and what goes into a response.
//!
//! This file has the routes and the short handlers. `guard` checks each request, `body` reads bodies,
//! `upload` and `websocket` are the long handlers, `page` serves the files of `page/`. What a session does
//! is in `session/`, not here.

mod body;
mod guard;
mod page;
mod upload;
mod websocket;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::AppError;
use crate::media::Webcam;
use crate::session::{Session, Snapshot, Source, StreamSettings, check_prompt};
use body::{Body, check_type, read_bytes, read_json};

/// Limit for bodies of JSON and SDP. Uploads have their own limit.
const MAX_BODY_BYTES: usize = 256 * 1024;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::show_index))
        .route("/page/{file}", get(page::show_file))
        .route("/models", get(list_models))
        .route("/webcam", post(receive_webcam))
        .route("/webcam/{session_id}", delete(close_session))
        .route(
            "/sessions/{session_id}",
            get(show_session).delete(close_session),
        )
        .route("/start-stream/{session_id}", post(start_stream))
        .route("/update-prompt/{session_id}", post(update_prompt))
        .route("/stop-stream/{session_id}", post(stop_stream))
        .route("/ws/{session_id}", get(websocket::watch))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route(
            "/upload-video",
            post(upload::upload_video).layer(DefaultBodyLimit::disable()),
        )
        .fallback(page::refuse_path)
        .method_not_allowed_fallback(page::refuse_method)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            guard::check_requests,
        ))
        .with_state(app)
}

type Id = Result<Path<String>, PathRejection>;

async fn list_models(State(app): State<Arc<App>>) -> Result<Json<Value>, AppError> {
    let models = app.models.list(&app.shared.service).await?;
    Ok(Json(json!({
        "models": models,
        "backends": ["overshoot", "gemini"],
    })))
}

/// As in WHIP: the request has an SDP offer, the response an SDP answer.
async fn receive_webcam(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AppError> {
    let body = read_bytes(body)?;
    check_type(&headers, "application/sdp")?;
    let offer = std::str::from_utf8(&body).map_err(|_| {
        AppError::new(
            StatusCode::BAD_REQUEST,
            "bad-offer",
            "The body is not text.",
        )
    })?;
    let slot = app.take_slot()?;
    let (webcam, answer) = Webcam::accept_offer(offer).await?;
    let id = app.open(Source::Webcam(webcam), slot)?;
    let headers = [
        (header::CONTENT_TYPE, "application/sdp".to_owned()),
        (header::LOCATION, format!("/webcam/{id}")),
    ];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

async fn show_session(State(app): State<Arc<App>>, id: Id) -> Result<Json<Snapshot>, AppError> {
    Ok(Json(app.session(id)?.events.snapshot()))
}

async fn start_stream(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    let settings: StreamSettings = read_json(&headers, body)?;
    settings.check()?;
    session.start(settings).await?;
    Ok(Json(status_of(&session)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    prompt: String,
}

async fn update_prompt(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    let Prompt { prompt } = read_json(&headers, body)?;
    check_prompt(&prompt)?;
    session.update_prompt(prompt.clone()).await?;
    let mut response = status_of(&session);
    response["prompt"] = prompt.into();
    Ok(Json(response))
}

async fn stop_stream(State(app): State<Arc<App>>, id: Id) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    session.stop().await?;
    Ok(Json(status_of(&session)))
}

async fn close_session(State(app): State<Arc<App>>, id: Id) -> Result<StatusCode, AppError> {
    let session = app.session(id)?;
    session.close();
    session.closed.cancelled().await;
    Ok(StatusCode::NO_CONTENT)
}

fn status_of(session: &Session) -> Value {
    let now = session.events.snapshot();
    json!({"session_id": now.info.session_id, "status": now.state})
}
