// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Lets pages of other origins use the API, if `BACKEND_CORS_ORIGINS` lists them. They send no cookies: with a
//! password they use the header `Authorization`.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
const EXPOSED: HeaderValue = HeaderValue::from_static("location");
/// For how long browsers may reuse the answer to a preflight.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// The request's origin, if it is in the list.
pub(super) fn listed_origin<'a>(
    origins: &[String],
    headers: &'a HeaderMap,
) -> Option<&'a HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let listed = origins
        .iter()
        .any(|listed| listed.eq_ignore_ascii_case(text));
    listed.then_some(origin)
}

/// The answer to a preflight: a browser's question whether a page may make a request.
pub(super) fn answer_preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    (method == Method::OPTIONS && asks).then(|| {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    })
}

/// Lets the page of this origin read the response.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}
