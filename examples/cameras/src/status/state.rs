// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a camera is doing, in one word.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for a stream slot at the service.
    Waiting,
    /// Connecting to the camera.
    Connecting,
    /// The camera sends video, and the service is not connected yet.
    Starting,
    Streaming,
    /// The connection to the service is lost. The element makes a new one.
    Reconnecting,
    /// The camera or the service failed. The next attempt comes after a pause.
    Pausing,
    /// The service refused the camera's settings.
    Refused,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Connecting,
        Self::Starting,
        Self::Streaming,
        Self::Reconnecting,
        Self::Pausing,
        Self::Refused,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::Streaming => "streaming",
            Self::Reconnecting => "reconnecting",
            Self::Pausing => "pausing",
            Self::Refused => "refused",
        }
    }
}
