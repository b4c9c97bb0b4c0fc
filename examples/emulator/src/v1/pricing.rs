// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The prices of models.

use axum::Json;
use serde_json::json;

use crate::http::request::{ApiResponse, IncomingRequest};
use crate::v1::V1Error;

/// The price of the model in the path, or all prices.
pub(crate) fn prices(incoming: &IncomingRequest) -> Result<ApiResponse, V1Error> {
    let prices = &incoming.app.config.prices;
    // A name may have a slash, and clients may escape that.
    let name = incoming.id.replace("%2F", "/").replace("%2f", "/");
    if name.is_empty() {
        return Ok(Json(json!({ "data": prices })).into());
    }
    let price = prices.iter().find(|price| price.model == name);
    let price = price.ok_or_else(|| V1Error::not_found("No pricing for this model"))?;
    Ok(Json(price).into())
}
