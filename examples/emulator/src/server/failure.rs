//! A call of either generation that is refused.

use axum::http::StatusCode;
use axum::response::Response;

use crate::server::routes::Api;
use crate::v1::Refusal;
use crate::v02::error::ApiError;

/// In the words of its generation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    V02(ApiError),
    V1(Refusal),
}

impl Failure {
    pub(crate) fn too_large(api: Api, limit: usize) -> Self {
        match api {
            Api::V02 => Failure::V02(ApiError::too_large(limit)),
            Api::V1 => Failure::V1(Refusal::detail(
                413,
                format!("A body holds at most {limit} bytes"),
            )),
        }
    }

    pub(crate) fn stopping(api: Api) -> Self {
        const MESSAGE: &str = "the emulator stops";
        match api {
            Api::V02 => Failure::V02(ApiError::internal(MESSAGE)),
            Api::V1 => Failure::V1(Refusal::detail(500, MESSAGE)),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::V02(error) => error.status,
            Failure::V1(refusal) => refusal.status,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Failure::V02(error) => &error.message,
            Failure::V1(refusal) => &refusal.message,
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        match self {
            Failure::V02(error) => error.into_response(request_id),
            Failure::V1(refusal) => refusal.into_response(),
        }
    }
}
