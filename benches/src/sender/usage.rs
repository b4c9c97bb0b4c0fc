//! What this process uses.

use std::time::Duration;

/// User and system time of all threads, also those that have ended.
pub fn cpu() -> Duration {
    // SAFETY: the structure is plain numbers, for which zeros are good, and the pointer is good.
    #[expect(unsafe_code, reason = "the standard library does not tell")]
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

/// The most memory that was resident so far, in KiB.
pub fn peak() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| "the kernel does not tell VmHWM".to_owned())
}

pub fn threads() -> Result<usize, String> {
    let tasks = std::fs::read_dir("/proc/self/task").map_err(|error| error.to_string())?;
    Ok(tasks.count())
}
