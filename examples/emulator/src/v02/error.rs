// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The errors of v0.2: `{"error","message","request_id","details"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::vision::engine::EngineError;

/// A rejected call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct V02Error {
    pub status: StatusCode,
    pub error: &'static str,
    pub message: String,
    /// The field of the body that is wrong.
    pub field: Option<String>,
    pub retry_after: Option<u32>,
}

impl V02Error {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        V02Error {
            status,
            error,
            message: message.into(),
            field: None,
            retry_after: None,
        }
    }

    /// 422: `field` breaks a rule.
    pub(crate) fn invalid(field: impl Into<String>, message: impl AsRef<str>) -> Self {
        let field = field.into();
        let message = format!("{field} {}", message.as_ref());
        V02Error {
            field: Some(field),
            ..V02Error::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_error",
                message,
            )
        }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn unauthorized() -> Self {
        V02Error::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "missing or invalid API key: send `Authorization: Bearer <key>`",
        )
    }

    pub(crate) fn no_credits() -> Self {
        V02Error::new(
            StatusCode::PAYMENT_REQUIRED,
            "insufficient_credits",
            "the account has no credits left",
        )
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        V02Error::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("this path accepts {allowed}"),
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        V02Error::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!("a body may have at most {limit} bytes"),
        )
    }

    pub(crate) fn not_json() -> Self {
        V02Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "a body must come with `Content-Type: application/json`",
        )
    }

    pub(crate) fn busy(message: impl Into<String>, retry_after: u32) -> Self {
        V02Error {
            retry_after: Some(retry_after),
            ..V02Error::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        V02Error::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "model_unavailable",
            message,
        )
    }

    /// The engine had no answer.
    pub(crate) fn upstream(error: &EngineError) -> Self {
        let status = match error {
            EngineError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            EngineError::Rejected { .. } | EngineError::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        V02Error::new(status, "upstream_error", error.to_string())
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    }

    /// The value of `details`.
    pub(crate) fn details(&self) -> Value {
        match &self.field {
            Some(field) => json!({ "field": field }),
            None => Value::Null,
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let body = Json(json!({
            "error": self.error,
            "message": self.message,
            "request_id": request_id,
            "details": self.details(),
        }));
        let mut response = (self.status, body).into_response();
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        if let Some(seconds) = self.retry_after {
            add(header::RETRY_AFTER, &seconds.to_string());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            add(header::WWW_AUTHENTICATE, "Bearer");
        }
        response
    }
}
