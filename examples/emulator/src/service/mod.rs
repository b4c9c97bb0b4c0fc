// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What both APIs share of the service: the settings, the handle for tests, the streams with their leases, and
//! the credits. Nothing here knows how a call is written or how an answer is made.
//!
//! - **Limits.** A key may have `max_streams_per_key` streams, of both APIs together; one more is 429 with
//!   `retry-after`. Ending a stream frees its place at once.
//! - **Leases.** A stream without a keepalive for `lease_ttl` ends with `lease_expired`. By default, that is 30 s on
//!   v0.2 and 300 s on v1.
//! - **Credits.** With `credits_cents`, a second of a stream costs 0.05 cents. Without credits, creating and
//!   renewing are 402, and a stream ends with `insufficient_credits` when its lease expires.
//! - **Keys.** Streams of another key do not exist for a caller, with one exception in v1's chat.

pub(crate) mod app;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod credits;
pub(crate) mod lifecycle;
pub(crate) mod live_stream;
pub(crate) mod price;
pub(crate) mod rtp_timeline;
pub(crate) mod streams;
