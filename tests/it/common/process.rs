//! What this process has of the system's things.

use std::fs;
use std::time::Duration;

pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Threads that end by themselves get a moment: GLib's pools keep idle ones for some seconds.
pub fn threads_settle(at_most: usize) -> usize {
    settle(threads, at_most)
}

fn settle(count: fn() -> usize, at_most: usize) -> usize {
    for _ in 0..200 {
        if count() <= at_most {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    count()
}

/// Open files and sockets.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// The HTTP client's idle connections get a moment to notice that a server is gone.
pub fn descriptors_settle(at_most: usize) -> usize {
    settle(descriptors, at_most)
}

/// Resident memory, in MiB.
pub fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a number");
    kib >> 10
}

/// Whether this is the process with that environment, for what a process reads of it only once: else
/// the test (`module::name`) is played by such a process, and must succeed there.
pub fn is_child_with(test: &str, name: &str, value: &str) -> bool {
    if std::env::var(name).is_ok_and(|own| own == value) {
        return true;
    }
    let this = std::env::current_exe().expect("this test");
    // A process that is asked for a test that is not there succeeds, too.
    let listed = std::process::Command::new(&this)
        .args(["--exact", test, "--list"])
        .output();
    let listed = String::from_utf8(listed.expect("this test starts").stdout).expect("names");
    assert!(
        listed.contains(&format!("{test}: test")),
        "{test}: {listed}"
    );
    let child = std::process::Command::new(this)
        .args(["--exact", test, "--nocapture"])
        .env(name, value)
        .status();
    assert!(child.expect("this test starts").success());
    false
}
