// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults that replace or change a response.

use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use crate::faults::fault::Fault;
use crate::http::request::{ApiResponse, MAX_BODY_BYTES};

/// The response of [`Fault::Status`]. Headers that are not valid are omitted.
pub(super) fn injected_response(
    code: u16,
    headers: &[(String, String)],
    body: String,
    content_type: &str,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = (header::CONTENT_TYPE.as_str(), content_type);
    let named = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in std::iter::once(content_type).chain(named) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) && !value.is_empty()
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Applies faults such as [`Fault::Body`] to the response of a served call.
pub(super) async fn apply_to_response(mut served: ApiResponse, fault: Fault) -> ApiResponse {
    let headers = served.response.headers_mut();
    match &fault {
        Fault::Body { content_type, .. } => {
            headers.remove(header::CONTENT_TYPE);
            if let Ok(value) = HeaderValue::from_str(content_type) {
                headers.insert(header::CONTENT_TYPE, value);
            }
        }
        Fault::Truncated | Fault::Drip(_) => {}
        _ => return served,
    }
    headers.remove(header::CONTENT_LENGTH);
    let own = std::mem::take(served.response.body_mut());
    // This response was made here, so it is short.
    let own = to_bytes(own, MAX_BODY_BYTES).await.unwrap_or_default();
    *served.response.body_mut() = match fault {
        Fault::Body { body, .. } => Body::from(body),
        Fault::Drip(pause) => Body::from_stream(stream::unfold(own, move |mut left| async move {
            tokio::time::sleep(pause).await;
            let byte = (!left.is_empty()).then(|| left.split_to(1))?;
            Some((Ok::<_, Infallible>(byte), left))
        })),
        _ => Body::from(own.slice(..own.len() / 2)),
    };
    served
}
