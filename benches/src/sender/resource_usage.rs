// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The CPU time, memory and threads of this process.

use std::time::Duration;

/// User and system time of all threads, including ended ones.
pub fn cpu() -> Duration {
    // SAFETY: the structure has only numbers, for which zeros are valid, and the pointer is valid.
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// The peak of resident memory so far, in KiB.
pub fn peak() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| "the kernel does not report VmHWM".to_owned())
}

pub fn threads() -> Result<usize, String> {
    let tasks = std::fs::read_dir("/proc/self/task").map_err(|error| error.to_string())?;
    Ok(tasks.count())
}
