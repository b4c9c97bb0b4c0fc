// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the APIs share of HTTP: a request with its key and region, a response, and a TCP connection that any
//! handler can reset. Nothing here knows a call; the calls are in `v02`, `v1` and `livekit`, and `server`
//! dispatches to them.

pub(crate) mod connection;
pub(crate) mod request;
