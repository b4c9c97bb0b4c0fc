// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An error of either API.

use axum::http::StatusCode;
use axum::response::Response;

use crate::api::Api;
use crate::v1::V1Error;
use crate::v02::error::V02Error;

/// An error as its API writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ApiError {
    V02(V02Error),
    V1(V1Error),
}

impl ApiError {
    pub(crate) fn too_large(api: Api, limit: usize) -> Self {
        match api {
            Api::V02 => ApiError::V02(V02Error::too_large(limit)),
            Api::V1 => ApiError::V1(V1Error::detail(
                413,
                format!("A body may have at most {limit} bytes"),
            )),
        }
    }

    pub(crate) fn not_served(api: Api) -> Self {
        match api {
            Api::V02 => ApiError::V02(V02Error::not_found("this service does not run v0.2")),
            Api::V1 => ApiError::V1(V1Error::not_found("Not Found")),
        }
    }

    pub(crate) fn stopping(api: Api) -> Self {
        const MESSAGE: &str = "the emulator stops";
        match api {
            Api::V02 => ApiError::V02(V02Error::internal(MESSAGE)),
            Api::V1 => ApiError::V1(V1Error::detail(500, MESSAGE)),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            ApiError::V02(error) => error.status,
            ApiError::V1(refusal) => refusal.status,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            ApiError::V02(error) => &error.message,
            ApiError::V1(refusal) => &refusal.message,
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        match self {
            ApiError::V02(error) => error.into_response(request_id),
            ApiError::V1(refusal) => refusal.into_response(),
        }
    }
}
