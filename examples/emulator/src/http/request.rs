// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An API request and its response, for both APIs.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::Api;
use crate::faults::fault::Fault;
use crate::http::connection::ConnectionHandle;
use crate::service::app::App;

/// Longer bodies are rejected. Offers are a few kB.
pub(crate) const MAX_BODY_BYTES: usize = 256 * 1024;
/// Questions of v1 may hold pictures.
pub(crate) const MAX_CHAT_BODY_BYTES: usize = 20 * 1024 * 1024;

/// The header with the region, in requests and responses.
pub(crate) const REGION: HeaderName = HeaderName::from_static("x-overshoot-region");

/// A request to one of the APIs.
pub(crate) struct IncomingRequest {
    pub app: Arc<App>,
    pub connection: ConnectionHandle,
    pub parts: Parts,
    pub body: Bytes,
    /// The id of the stream in the path, or empty.
    pub id: String,
    /// A fault that changes the response instead of replacing it.
    pub fault: Option<Fault>,
}

/// The response to a call.
pub(crate) struct ApiResponse {
    pub response: Response,
    /// The id of the new stream, if the call made one.
    pub stream_id: Option<String>,
}

impl<R: IntoResponse> From<R> for ApiResponse {
    fn from(response: R) -> Self {
        ApiResponse {
            response: response.into_response(),
            stream_id: None,
        }
    }
}

impl IncomingRequest {
    /// The region that the client asks for.
    pub(crate) fn region(&self) -> Option<&str> {
        self.parts.headers.get(REGION)?.to_str().ok()
    }

    /// The time to live of a lease, in seconds.
    pub(crate) fn ttl(&self, api: Api) -> Value {
        let ttl = self.app.config.lease(api);
        if ttl.subsec_nanos() == 0 {
            json!(ttl.as_secs())
        } else {
            json!(ttl.as_secs_f64())
        }
    }

    /// The client's key, if the emulator accepts it.
    pub(crate) fn key(&self) -> Option<String> {
        bearer(&self.parts.headers)
            .filter(|key| self.app.accepts_key(key))
            .map(str::to_owned)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
