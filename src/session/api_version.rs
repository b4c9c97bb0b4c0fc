// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The API versions of the service.

/// An API version of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// One SDP offer creates a stream; the service pushes answers on a WebSocket.
    V02,
    /// Video goes into a LiveKit room; the element requests each answer.
    V1,
}

impl Api {
    pub fn name(self) -> &'static str {
        match self {
            Api::V02 => "v0.2",
            Api::V1 => "v1",
        }
    }
}
