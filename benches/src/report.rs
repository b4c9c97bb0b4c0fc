//! What a sender tells of itself, as one line of JSON. Times are of CLOCK_MONOTONIC, in ns, which
//! is the same for all processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// user + sys in the window, in seconds.
    pub cpu: f64,
    /// How long the window was, in seconds.
    pub wall: f64,
    /// VmHWM, in KiB.
    pub peak: u64,
    /// At the end of the window.
    pub threads: usize,
    /// When PLAYING was asked for.
    pub playing: u64,
    /// When the window was over.
    pub end: u64,
    /// When each frame of the first stream, by its number in the file, was due at the sink.
    pub captured: BTreeMap<u16, u64>,
    /// The encoder, with all properties that are not at their defaults.
    pub encoder: Option<String>,
    /// What each `overshootsink` counted, by its stream.
    pub counts: BTreeMap<String, Counts>,
}

/// Frames by what became of them, after the window.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub taken: u64,
    /// Left out as the service has no use for them.
    pub over_rate: u64,
    pub sent: u64,
}

impl Counts {
    /// Neither sent nor left out on purpose.
    pub fn unsent(&self) -> u64 {
        self.taken.saturating_sub(self.over_rate + self.sent)
    }
}
