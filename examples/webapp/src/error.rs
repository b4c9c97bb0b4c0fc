// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors as callers get them: an HTTP status, and JSON with a sentence that says what to change.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error: the body of a response, and the content of an error event on the WebSocket.
#[derive(Clone, Debug, Serialize)]
pub struct AppError {
    #[serde(skip)]
    status: StatusCode,
    /// A word for programs.
    error: String,
    /// A sentence for people.
    message: String,
    /// The field of the request that caused the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl AppError {
    pub(crate) fn new(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: error.to_owned(),
            message: message.into(),
            field: None,
        }
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-settings",
            message,
        )
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// An error that only a fault in the application or in GStreamer can cause.
    pub(crate) fn unexpected(error: impl std::fmt::Display) -> Self {
        Self::internal(format!("Something unexpected went wrong: {error}."))
    }

    pub(crate) fn gone() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-session",
            "There is no such session. It was closed, or the server was restarted. Choose the video again.",
        )
    }

    pub(crate) fn closing() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "closing",
            "The server is stopping. Try again when it is back.",
        )
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
