// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The errors of v0.2: `{"error","request_id","details"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::vision::engine::EngineError;

/// The field of an error about the body as a whole.
pub(crate) const WHOLE_BODY: &str = "the body";

/// A rejected call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct V02Error {
    pub status: StatusCode,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The field of the body that is wrong.
    pub field: Option<String>,
    pub retry_after: Option<u32>,
}

impl V02Error {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        V02Error {
            status,
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
            ..V02Error::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized() -> Self {
        V02Error::new(
            StatusCode::UNAUTHORIZED,
            "missing or invalid API key: send `Authorization: Bearer <key>`",
        )
    }

    pub(crate) fn no_credits() -> Self {
        V02Error::new(
            StatusCode::PAYMENT_REQUIRED,
            "the account has no credits left",
        )
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        V02Error::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("this path accepts {allowed}"),
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        V02Error::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body may have at most {limit} bytes"),
        )
    }

    pub(crate) fn not_json() -> Self {
        V02Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a body must come with `Content-Type: application/json`",
        )
    }

    pub(crate) fn busy(message: impl Into<String>, retry_after: u32) -> Self {
        V02Error {
            retry_after: Some(retry_after),
            ..V02Error::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The engine had no answer.
    pub(crate) fn upstream(error: &EngineError) -> Self {
        let status = match error {
            EngineError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            EngineError::Rejected { .. } | EngineError::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        V02Error::new(status, error.to_string())
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        V02Error::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The values of `error` and `details`. A field that breaks a rule is in `details` only.
    pub(crate) fn words(&self) -> (&str, Value) {
        let Some(field) = &self.field else {
            return (&self.message, Value::Null);
        };
        let parts = field.split('.').filter(|part| *part != WHOLE_BODY);
        let place: Vec<&str> = std::iter::once("body").chain(parts).collect();
        let rule = self.message.strip_prefix(field.as_str());
        let rule = rule.unwrap_or(&self.message).trim();
        let details = json!([{"loc": place, "msg": rule, "type": "value_error"}]);
        ("Request validation failed", details)
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let (error, details) = self.words();
        let body = Json(json!({
            "error": error,
            "request_id": request_id,
            "details": details,
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
