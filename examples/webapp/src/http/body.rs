// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads request bodies: their type, their size, and JSON.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::AppError;

pub(super) type Body = Result<Bytes, BytesRejection>;

pub(super) fn read_bytes(body: Body) -> Result<Bytes, AppError> {
    body.map_err(|rejection| {
        AppError::new(
            rejection.status(),
            "bad-body",
            format!("The body cannot be read: {}.", rejection.body_text()),
        )
    })
}

pub(super) fn check_type(headers: &HeaderMap, wanted: &str) -> Result<(), AppError> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let given = given.and_then(|kind| kind.split(';').next()).map(str::trim);
    if given.is_some_and(|given| given.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(AppError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "wrong-type",
        format!("The body must be {wanted}, and the header Content-Type must say so."),
    ))
}

pub(super) fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, AppError> {
    let body = read_bytes(body)?;
    check_type(headers, "application/json")?;
    let json = &mut serde_json::Deserializer::from_slice(&body);
    serde_path_to_error::deserialize(json).map_err(|error| {
        let field = error.path().to_string();
        let refused = AppError::invalid(format!("The body cannot be read: {}.", error.inner()));
        // A dot is the path of the whole body.
        match field.as_str() {
            "." => refused,
            _ => refused.field(field),
        }
    })
}
