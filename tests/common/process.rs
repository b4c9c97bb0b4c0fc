//! What this process has of the system's things.

use std::fs;
use std::time::Duration;

pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Threads that end by themselves get a moment: GLib's pools keep idle ones for some seconds.
pub fn threads_settle(at_most: usize) -> usize {
    for _ in 0..200 {
        if threads() <= at_most {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    threads()
}

/// Open files and sockets.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Resident memory, in MiB.
pub fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a number");
    kib >> 10
}
