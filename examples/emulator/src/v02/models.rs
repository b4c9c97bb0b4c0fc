// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models.

use axum::Json;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::http::request::{ApiResponse, IncomingRequest};
use crate::v02::error::V02Error;
use crate::v02::{key, route_cookie, set_cookie};

pub(super) async fn models(incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    key(incoming)?;
    let config = &incoming.app.config;
    let models: Vec<Value> = config
        .engine
        .models(&config.models)
        .await
        .iter()
        .map(|model| {
            json!({
                "model": model.name,
                "ready": model.status.ready(),
                "status": model.status,
            })
        })
        .collect();
    let mut response = Json(models).into_response();
    // A gateway sets the route cookie in its first response, whatever the call.
    if incoming.app.config.sticky && !route_cookie::present(&incoming.parts.headers) {
        set_cookie(
            &mut response,
            &route_cookie::any_cookie(&incoming.app.config.cookie_attributes),
        );
    }
    Ok(response.into())
}
