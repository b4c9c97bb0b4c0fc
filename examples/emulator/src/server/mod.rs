// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The HTTP server: it finds the call of a request, records the request, applies its fault, and dispatches it
//! to its API. Nothing here knows what a call does.
//!
//! - **Base paths.** API v0.2 is below `/v0.2`. API v1 is below `/v1` and `/v1beta`, which are equivalent, and
//!   has `/billing/accounts/me/balance`, `/billing/checkout` and `/billing/pricing` without one. LiveKit's signalling is at
//!   `/rtc`. All other paths are 404, and the error names the base paths. The wrong method on a known path is 405.
//! - **Every response** has an `x-request-id`, and on v1 the region.
//! - **Browsers.** Pages of every origin may use both APIs, with cookies: preflights are 204, whatever the path, and
//!   every response, errors included, names the origin. Pages may read the request id, the region, the rate limits and
//!   `retry-after`.
//! - **Bodies** longer than 256 KiB are 413; questions of v1, which may hold pictures, have 20 MiB.

mod cors;
mod error;
mod injected;
pub(crate) mod router;
pub(crate) mod routes;
