// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The HTTP side: every route, what a request must pass, and what goes into a response.
//!
//! This file has the routes and the short handlers. `guard` checks each request, `cors` lets pages of other
//! origins in, `body` reads bodies, `login` checks the password, `upload`, `watch_url`, `video`, `frames`, `answers`
//! and `websocket` are the long handlers, `page` serves the files of `page/`, `openapi` describes the API. What a
//! session does is in `session/`, not here.

mod answers;
mod body;
mod cors;
mod frames;
mod guard;
mod login;
mod openapi;
mod page;
mod upload;
mod video;
mod watch_url;
mod websocket;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::AppError;
use crate::media::Webcam;
use crate::session::{Session, Snapshot, Source, StreamSettings, read_prompt};
use body::{Body, check_type, read_bytes, read_object};

/// Limit for bodies of JSON and SDP. Uploads have their own limit.
const MAX_BODY_BYTES: usize = 256 * 1024;

pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = routes().into_iter();
    let router = routes.fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods)
    });
    router
        .fallback(page::refuse_path)
        .method_not_allowed_fallback(page::refuse_method)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            guard::check_requests,
        ))
        .with_state(app)
}

/// All paths. `openapi.json` describes each of them.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let limited = DefaultBodyLimit::max(MAX_BODY_BYTES);
    let upload = post(upload::upload_video).layer(DefaultBodyLimit::disable());
    vec![
        ("/", get(page::show_index)),
        ("/page/{file}", get(page::show_file)),
        ("/docs", get(page::show_docs)),
        ("/openapi.json", get(openapi::show)),
        ("/models", get(list_models)),
        ("/upload-video", upload),
        ("/watch-url", post(watch_url::watch_url).layer(limited)),
        ("/login", post(login::log_in).layer(limited)),
        ("/logout", post(login::log_out)),
        ("/webcam", post(receive_webcam).layer(limited)),
        ("/webcam/{session_id}", delete(close_session)),
        (
            "/sessions/{session_id}",
            get(show_session).delete(close_session),
        ),
        ("/sessions", get(answers::list_sessions)),
        (
            "/sessions/{session_id}/answers",
            get(answers::export_answers),
        ),
        ("/sessions/{session_id}/video", get(video::show_video)),
        ("/sessions/{session_id}/frames", get(frames::show_frames)),
        (
            "/start-stream/{session_id}",
            post(start_stream).layer(limited),
        ),
        (
            "/update-prompt/{session_id}",
            post(update_prompt).layer(limited),
        ),
        ("/stop-stream/{session_id}", post(stop_stream)),
        ("/ws/{session_id}", get(websocket::watch)),
    ]
}

type Id = Result<Path<String>, PathRejection>;

async fn list_models(State(app): State<Arc<App>>) -> Result<Json<Value>, AppError> {
    let list = app.models.list(&app.shared).await?;
    Ok(Json(json!({
        "api": list.api,
        "models": list.models,
        "backends": list.backends(),
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
    let body = read_object(&headers, body)?;
    let asked = app.asked(&session, &body).await?;
    let settings = StreamSettings::read(body, &asked)?;
    let warnings = settings.warnings.clone();
    session.start(settings).await.map_err(|error| {
        let is_full = app.shared.streams.available_permits() == 0;
        match error.is("busy") && is_full {
            true => app.all_streams_run(),
            false => error,
        }
    })?;
    let mut response = status_of(&session);
    if !warnings.is_empty() {
        response["warnings"] = warnings.into();
    }
    Ok(Json(response))
}

async fn update_prompt(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    let prompt = read_prompt(read_object(&headers, body)?)?;
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
