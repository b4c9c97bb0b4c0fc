// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The resources of this process: threads, file descriptors, memory, environment.

use std::fs;
use std::time::Duration;

/// The number of threads.
pub fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The names of the threads.
pub fn thread_names() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let names = threads.map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.flatten().map(|name| name.trim().to_owned()).collect()
}

/// Waits up to 20 s until there are at most this many threads, and returns their number. GLib's pools keep idle
/// threads for some seconds.
pub fn settled_thread_count(at_most: usize) -> usize {
    settle(thread_count, at_most)
}

/// Waits up to 20 s until there are no threads but these, by name, and returns the names of the others.
pub fn settled_other_threads(expected: &[String]) -> Vec<String> {
    let others = || {
        let mut names = thread_names();
        for name in expected {
            if let Some(position) = names.iter().position(|other| other == name) {
                names.swap_remove(position);
            }
        }
        names
    };
    settle(|| others().len(), 0);
    others()
}

fn settle(count: impl Fn() -> usize, at_most: usize) -> usize {
    for _ in 0..200 {
        if count() <= at_most {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    count()
}

/// The number of open files and sockets.
pub fn descriptor_count() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Waits up to 20 s until at most this many files are open, and returns their number. The HTTP client's idle
/// connections need time to notice that a server is gone.
pub fn settled_descriptor_count(at_most: usize) -> usize {
    settle(descriptor_count, at_most)
}

/// The resident memory in MiB.
pub fn resident_mib() -> usize {
    resident_kib() >> 10
}

/// The resident memory in KiB.
pub fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("/proc exists on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Whether this process has that environment variable. If not, runs the test (`module::name`) in a child process that
/// has it; the test must succeed there. This is for variables that a process reads only once.
pub fn is_child_with(test: &str, name: &str, value: &str) -> bool {
    if std::env::var(name).is_ok_and(|current| current == value) {
        return true;
    }
    let test_program = std::env::current_exe().expect("this test");
    // A test program also succeeds if the requested test does not exist.
    let listed = std::process::Command::new(&test_program)
        .args(["--exact", test, "--list"])
        .output();
    let listed = String::from_utf8(listed.expect("this test starts").stdout).expect("names");
    assert!(
        listed.contains(&format!("{test}: test")),
        "{test}: {listed}"
    );
    let child = std::process::Command::new(test_program)
        .args(["--exact", test, "--nocapture"])
        .env(name, value)
        .status();
    assert!(child.expect("this test starts").success());
    false
}
