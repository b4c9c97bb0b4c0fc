// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `GET /`: the page for browsers, and the health for programs. `GET /docs`: the page about the API. The files of the
//! pages are in the binary.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::error::AppError;
use crate::media::EXTENSIONS;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const INDEX: &str = include_str!("../../page/index.html");
const DOCS: &str = include_str!("../../page/docs.html");

/// A file of the page: its name, its type and its content.
macro_rules! file {
    ($name:literal, $kind:ident) => {
        ($name, $kind, include_str!(concat!("../../page/", $name)))
    };
}

const FILES: [(&str, &str, &str); 18] = [
    file!("docs.css", CSS),
    file!("docs.js", JS),
    file!("style.css", CSS),
    file!("icon.svg", SVG),
    file!("answers.js", JS),
    file!("api.js", JS),
    file!("facts.js", JS),
    file!("form.js", JS),
    file!("latency-plot.js", JS),
    file!("login.js", JS),
    file!("main.js", JS),
    file!("markdown.js", JS),
    file!("notices.js", JS),
    file!("player.js", JS),
    file!("session-socket.js", JS),
    file!("sessions.js", JS),
    file!("video-source.js", JS),
    file!("words.js", JS),
];

pub(super) async fn show_index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok());
    let vary = (header::VARY, "accept");
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        ([(header::CONTENT_TYPE, HTML), vary], INDEX).into_response()
    } else {
        ([vary], Json(app.health())).into_response()
    }
}

pub(super) async fn show_docs() -> Response {
    ([(header::CONTENT_TYPE, HTML)], DOCS).into_response()
}

pub(super) async fn show_file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => refuse_path().await,
    }
}

pub(super) async fn refuse_path() -> Response {
    AppError::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is nothing at this address. See the list of calls at /docs.",
    )
    .into_response()
}

pub(super) async fn refuse_method() -> Response {
    AppError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong-method",
        "This address does not support this method.",
    )
    .into_response()
}

impl App {
    fn health(&self) -> serde_json::Value {
        let config = &self.shared.config;
        let answers_from = &self.shared.answers_from;
        json!({
            "status": "ok",
            "service": if answers_from.emulator { "emulator" } else { "overshoot" },
            "answers_from": answers_from,
            "instance": self.instance,
            "sessions": self.session_count(),
            "streams": config.max_streams - self.shared.streams.available_permits(),
            "max_upload_bytes": config.max_upload_bytes,
            "extensions": EXTENSIONS,
            "login": config.password.is_some(),
            "url_sources": config.source_hosts.allows_any(),
        })
    }
}
