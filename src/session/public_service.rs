// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The addresses of the public service. It deprecated API v0.2 on 2026-04-30 and runs v1, so an element whose address is
//! unset may have to try both. Which one is served is remembered for the process.

use std::sync::Mutex;

use super::api_version::Api;
use super::error::{Error, Stage};
use crate::lock::lock;

/// The addresses, in the order in which they are tried: the documented default first.
pub const ADDRESSES: [(Api, &str); 2] = [
    (Api::V02, "https://api.overshoot.ai/v0.2"),
    (Api::V1, "https://api.overshoot.ai/v1beta"),
];

/// What an error about a wrong address adds.
pub const ADVICE: &str = "The public service is at https://api.overshoot.ai/v1beta (earlier: https://api.overshoot.ai/v0.2).";

/// The API that has created a stream at its public address.
static SERVED: Mutex<Option<Api>> = Mutex::new(None);

/// The public service has created a stream with this API.
pub fn remember(api: Api) {
    *lock(&SERVED) = Some(api);
}

/// The addresses, with the one first that has worked before.
pub fn addresses() -> Vec<(Api, &'static str)> {
    let mut addresses = ADDRESSES.to_vec();
    let served = *lock(&SERVED);
    addresses.sort_by_key(|(api, _)| served.is_some_and(|served| served != *api));
    addresses
}

/// Whether the error says that this API is not served at its address (any more).
pub fn is_not_served(error: &Error) -> bool {
    matches!(error.stage, Stage::Create | Stage::Models)
        && matches!(error.status_code, Some(404 | 405 | 410))
}
