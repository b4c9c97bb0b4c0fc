// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The errors of v1. Their format depends on the call.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::request::IncomingRequest;
use crate::vision::engine::EngineError;

/// A rejected call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct V1Error {
    pub status: StatusCode,
    /// The message for the log.
    pub message: String,
    /// Boxed, because a large error would make every `Result` large.
    body: Box<Value>,
    headers: Vec<(HeaderName, String)>,
}

/// The errors of chat that are not about the form of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    StreamUrlInvalid,
    QueryParamInvalid,
    SegmentInvalid,
    ModelVideoUnsupported,
    BillingDenied,
    StreamUnauthorized,
    StreamNotFound,
    SegmentEmpty,
    FrameNotYetProduced,
    FrameEvicted,
    ModelUnavailable,
}

impl Code {
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Code::StreamUrlInvalid => (400, "validation_error", "stream_url_invalid"),
            Code::QueryParamInvalid => (400, "validation_error", "query_param_invalid"),
            Code::SegmentInvalid => (400, "validation_error", "segment_invalid"),
            Code::ModelVideoUnsupported => (400, "validation_error", "model_video_unsupported"),
            Code::BillingDenied => (402, "billing_error", "billing_denied"),
            Code::StreamUnauthorized => (403, "stream_error", "stream_unauthorized"),
            Code::StreamNotFound => (404, "stream_error", "stream_not_found"),
            Code::SegmentEmpty => (404, "validation_error", "segment_empty"),
            Code::FrameNotYetProduced => (409, "stream_error", "frame_not_yet_produced"),
            Code::FrameEvicted => (410, "stream_error", "frame_evicted"),
            Code::ModelUnavailable => (503, "provider_error", "model_unavailable"),
        }
    }
}

impl V1Error {
    fn new(status: u16, message: impl Into<String>, body: Value) -> Self {
        V1Error {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            message: message.into(),
            body: Box::new(body),
            headers: Vec::new(),
        }
    }

    /// The format of the stream calls, and of everything that is not chat's own.
    pub(crate) fn detail(status: u16, message: impl Into<String>) -> Self {
        let message = message.into();
        let body = json!({ "detail": message });
        V1Error::new(status, message, body)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        V1Error::detail(404, message)
    }

    pub(crate) fn no_credits() -> Self {
        V1Error::detail(402, "Insufficient credits")
    }

    /// The format of chat.
    pub(crate) fn chat(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        let (status, kind, code) = code.parts();
        let error = json!({"message": message, "type": kind, "code": code});
        V1Error::new(status, message, json!({"detail": {"error": error}}))
    }

    /// The model rejected the request: it was given a picture that it cannot fetch or read.
    pub(crate) fn upstream(message: impl Into<String>) -> Self {
        let message = message.into();
        let error = json!({
            "message": "Upstream model error",
            "type": "upstream_error",
            "code": "upstream_http_400",
            "upstream": {
                "provider": "emulator",
                "status": 400,
                "body": {"error": {"message": message}},
                "rate_limits": null,
            },
        });
        V1Error::new(400, message, json!({"detail": {"error": error}}))
    }

    /// The engine had no answer.
    pub(crate) fn engine(error: &EngineError) -> Self {
        let (status, code) = match error {
            EngineError::TimedOut { .. } => (504, "upstream_timeout".to_owned()),
            EngineError::Failed(_) => (502, "upstream_request_failed".to_owned()),
            EngineError::Rejected { status, .. } => {
                // Errors that the client can fix, or that pass with time, keep their status. Any other error
                // is between the emulator and the endpoint: a 401, for example, is not about the client's
                // key.
                let client_status = match status {
                    400 | 413 | 422 => 400,
                    429 => 429,
                    _ => 502,
                };
                (client_status, format!("upstream_http_{status}"))
            }
        };
        let message = error.to_string();
        let error = json!({"message": message, "type": "upstream_error", "code": code});
        V1Error::new(status, message, json!({"detail": {"error": error}}))
    }

    /// A body that breaks a rule, and the place in it.
    pub(crate) fn invalid(place: &[&str], message: impl Into<String>) -> Self {
        let message = message.into();
        let place: Vec<&str> = std::iter::once("body")
            .chain(place.iter().copied())
            .collect();
        let message_with_place = format!("{}: {message}", place.join("."));
        let body = json!({
            "error": "validation_error",
            "message": "Request validation failed",
            "details": [{"loc": place, "msg": message, "type": "value_error"}],
        });
        V1Error::new(422, message_with_place, body)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = (self.status, Json(*self.body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The client's key.
pub(crate) fn key(incoming: &IncomingRequest) -> Result<String, V1Error> {
    incoming.key().ok_or_else(|| {
        V1Error::detail(401, "Invalid or missing API key")
            .with_header(header::WWW_AUTHENTICATE, "Bearer")
    })
}

/// Checks the region that the request names, if the emulator has a region.
pub(crate) fn right_region(incoming: &IncomingRequest) -> Result<(), V1Error> {
    let Some(expected) = &incoming.app.config.region else {
        return Ok(());
    };
    let requested = incoming.region();
    if requested == Some(expected) {
        return Ok(());
    }
    let detail = json!({
        "error": "region_error",
        "expected_region": expected,
        "requested_region": requested,
    });
    let message = format!("region_error: this is {expected}");
    Err(V1Error::new(409, message, json!({ "detail": detail })))
}
