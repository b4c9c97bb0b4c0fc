// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Copies of the process, made by `fork`. A library that is being loaded registers exit handlers, and glibc (2.36, seen)
//! holds a lock meanwhile that `fork` copies as it is: nobody unlocks it in the copy, which then waits for ever in
//! `exit`. So a `fork` waits while a thread of the element loads a library, but not for long: the thread may wait itself,
//! for a lock of the one that forks.

#![cfg_attr(
    unix,
    expect(unsafe_code, reason = "no crate of the element has pthread_atfork")
)]

use std::cell::Cell;
#[cfg(unix)]
use std::cell::RefCell;
use std::sync::{Condvar, Mutex, Once};
#[cfg(unix)]
use std::sync::{MutexGuard, PoisonError};
#[cfg(unix)]
use std::time::Duration;

use crate::lock::lock;

/// The longest time that a `fork` waits. A library takes some 20 ms.
#[cfg(unix)]
const TIMEOUT: Duration = Duration::from_millis(500);

/// The number of libraries that are being loaded.
static LOADING: Mutex<usize> = Mutex::new(0);
static LOADED: Condvar = Condvar::new();

thread_local! {
    /// Whether this thread loads a library: then its own `fork` must not wait.
    static LOADS_HERE: Cell<bool> = const { Cell::new(false) };
}

#[cfg(unix)]
thread_local! {
    /// What this thread holds while it forks, so that no other begins to load a library.
    static FORK: RefCell<Option<MutexGuard<'static, usize>>> = const { RefCell::new(None) };
}

/// Loads a library. `load` must not call this function again.
pub fn load_library<T>(load: impl FnOnce() -> T) -> T {
    static ONCE: Once = Once::new();
    ONCE.call_once(register);
    *lock(&LOADING) += 1;
    LOADS_HERE.set(true);
    let loaded = load();
    LOADS_HERE.set(false);
    *lock(&LOADING) -= 1;
    LOADED.notify_all();
    loaded
}

#[cfg(unix)]
fn register() {
    // SAFETY: the functions stay, because GStreamer never unloads a plugin.
    let status = unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
    if status != 0 {
        // No memory: a fork does not wait, as without this module.
        gst::warning!(crate::sink::CAT, "no handlers of forks: error {status}");
    }
}

#[cfg(not(unix))]
fn register() {}

#[cfg(unix)]
extern "C" fn before() {
    if LOADS_HERE.get() {
        return;
    }
    let waited = LOADED.wait_timeout_while(lock(&LOADING), TIMEOUT, |count| *count > 0);
    let (loading, _) = waited.unwrap_or_else(PoisonError::into_inner);
    FORK.replace(Some(loading));
}

#[cfg(unix)]
extern "C" fn after() {
    FORK.take();
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_fork_waits_for_a_library() {
        let (loads, begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let (forks, forked) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                load_library(|| {
                    loads.send(()).expect("the test waits");
                    let _ = may_end.recv();
                });
            });
            begun.recv().expect("the library is being loaded");
            scope.spawn(move || {
                before();
                after();
                forks.send(()).expect("the test waits");
            });
            let early = forked.recv_timeout(TIMEOUT / 5);
            drop(end);
            assert!(early.is_err());
            let late = forked.recv_timeout(Duration::from_secs(10));
            late.expect("the fork goes on");
        });
    }

    /// A library whose loading waits for the thread that forks.
    #[test]
    fn a_fork_does_not_wait_for_ever() {
        load_library(|| {
            thread::spawn(|| {
                before();
                after();
            })
            .join()
            .expect("the fork goes on");
        });
    }

    #[test]
    fn a_library_may_fork_while_it_is_loaded() {
        load_library(|| {
            before();
            after();
        });
    }
}
