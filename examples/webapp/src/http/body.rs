// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads request bodies: their type, their size, and JSON.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

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

/// Reads a JSON object.
pub(super) fn read_object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, AppError> {
    let body = read_bytes(body)?;
    check_type(headers, "application/json")?;
    match serde_json::from_slice(&body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(AppError::invalid(
            "The body must be a JSON object, such as {\"prompt\": \"What is it?\"}.",
        )),
        Err(error) if error.is_eof() => Err(AppError::invalid(
            "The body is not valid JSON: it ends too early. Perhaps a bracket or a quote is missing.",
        )),
        Err(error) => Err(AppError::invalid(format!(
            "The body is not valid JSON: there is a mistake in line {}, at character {}.",
            error.line(),
            error.column()
        ))),
    }
}
