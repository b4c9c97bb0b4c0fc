// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The account: its balance, and buying credits.

use axum::Json;
use serde_json::{Value, json};

use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::v1::V1Error;
use crate::v1::error::key;

/// The balance if credits are not counted.
const UNLIMITED_BALANCE_CENTS: f64 = 100_000.0;
const MICROCENTS_PER_CENT: f64 = 1_000_000.0;
/// The smallest amount that can be bought, in cents.
const MIN_AMOUNT_CENTS: u64 = 100;

pub(crate) fn balance(incoming: &IncomingRequest) -> Result<ApiResponse, V1Error> {
    key(incoming)?;
    let cents = incoming
        .app
        .credits
        .left()
        .unwrap_or(UNLIMITED_BALANCE_CENTS);
    Ok(Json(json!({
        "user_id": "emulator",
        "balance_microcents": (cents * MICROCENTS_PER_CENT) as u64,
        "balance_cents": cents as u64,
    }))
    .into())
}

/// The page of a purchase. There is none: the name leads nowhere (RFC 6761, 6.4).
pub(crate) fn checkout(incoming: &IncomingRequest) -> Result<ApiResponse, V1Error> {
    const FIELD: &str = "amount_cents";
    key(incoming)?;
    let body: Value = serde_json::from_slice(&incoming.body)
        .map_err(|error| V1Error::invalid(&[], format!("JSON decode error: {error}")))?;
    let amount = body
        .get(FIELD)
        .ok_or_else(|| V1Error::invalid(&[FIELD], "Field required"))?;
    if amount
        .as_u64()
        .is_none_or(|amount| amount < MIN_AMOUNT_CENTS)
    {
        let message = format!("Input should be an integer of at least {MIN_AMOUNT_CENTS}");
        return Err(V1Error::invalid(&[FIELD], message));
    }
    let url = format!("https://checkout.invalid/{}", uuid());
    Ok(Json(json!({ "url": url })).into())
}
