// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The SDP answer waits until hardware encoders were probed. A driver that hangs must not hold up the controller.

use crate::session::livekit::Candidate;

/// The probe of the hardware encoders, and what has arrived in the meantime.
#[derive(Default)]
pub enum HardwareProbe {
    Running(Waiting),
    #[default]
    Done,
}

/// What is used after the probe.
#[derive(Default)]
pub struct Waiting {
    pub answer: Option<String>,
    /// The remote peer's candidates: webrtcbin needs the answer before them.
    pub candidates: Vec<Candidate>,
}

impl HardwareProbe {
    /// Ends the probe. Returns what has waited for it.
    pub fn end(&mut self) -> Waiting {
        match std::mem::take(self) {
            Self::Running(waiting) => waiting,
            Self::Done => Waiting::default(),
        }
    }
}
