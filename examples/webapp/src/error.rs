// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors as callers get them: an HTTP status, and JSON with a sentence that says what to change.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

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
    /// The sessions that caused the error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Value>,
}

impl AppError {
    pub(crate) fn new(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: error.to_owned(),
            message: message.into(),
            field: None,
            sessions: Vec::new(),
        }
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn sessions(mut self, sessions: Vec<Value>) -> Self {
        self.sessions = sessions;
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

    /// Whether this is the word for programs.
    pub(crate) fn is(&self, error: &str) -> bool {
        self.error == error
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self)).into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
