// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The APIs that are emulated.

/// An API of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Answers are pushed on a WebSocket.
    V02,
    /// Answers are requested.
    V1,
}
