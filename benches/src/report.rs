//! What a sender tells of itself, as one line of JSON.

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
    /// When PLAYING was asked for; CLOCK_MONOTONIC, in ns, as all times here.
    pub playing: u64,
    /// When each frame, by its number in the file, was handed to the first sink.
    pub captured: BTreeMap<u16, u64>,
    /// Frames that `overshootsink` took, and those that it lost or left out by its own doing.
    pub taken: u64,
    pub dropped: u64,
}

/// CLOCK_MONOTONIC, in ns: the same for all processes.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is good, and the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
