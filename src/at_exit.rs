// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The end of the process. An application may return from `main`, or call `exit`, while an element still runs. The
//! exit handlers of libraries then free what the element's threads use, and the process would crash. So an exit
//! handler of our own runs before them: it ends this work and waits for it.

use std::cell::Cell;
use std::process;
use std::sync::{Condvar, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::lock::lock;

/// Longest time that the end of the process waits. Closing a stream takes less (`session::CLOSE_TIMEOUT`).
const TIMEOUT: Duration = Duration::from_secs(5);

/// Cancelled when the process ends.
static EXIT: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
/// The number of [`Work`]s.
static WORKS: Mutex<usize> = Mutex::new(0);
static WORK_ENDED: Condvar = Condvar::new();
/// What the process that registered the handler needs to end.
static REGISTERED: OnceLock<Registered> = OnceLock::new();

struct Registered {
    process: u32,
    stop_rest: fn(),
}

thread_local! {
    /// This thread does a work itself, so it cannot wait for its end. The type needs no destructor: those of this
    /// thread have run already when the exit handler runs on it.
    static WORKS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Work on another thread, or of a task, that must end before the process does. It ends when this is dropped.
pub struct Work(());

impl Work {
    pub fn begin() -> Self {
        *lock(&WORKS) += 1;
        Self(())
    }

    /// Says that the calling thread does this work, until its end.
    pub fn is_done_here(&self) {
        WORKS_HERE.set(true);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        *lock(&WORKS) -= 1;
        WORK_ENDED.notify_all();
    }
}

/// Registers the exit handler. Exit handlers run in the reverse order of their registration, so call this after the
/// libraries have registered theirs. If the handler runs on a thread that does some [`Work`] itself, it calls
/// `stop_rest`, which must stop all other threads that this work has started.
pub fn register(stop_rest: fn()) {
    let process = process::id();
    let new = Registered { process, stop_rest };
    if REGISTERED.set(new).is_ok() {
        shutdown_hooks::add_shutdown_hook(end_work);
    }
}

/// A token that is cancelled when the process ends.
pub fn token() -> CancellationToken {
    EXIT.child_token()
}

/// Whether the process is ending. The application's own code must not be called any more: an interpreter such as
/// Python has gone already.
pub fn has_begun() -> bool {
    EXIT.is_cancelled()
}

/// Whether this process is a copy of the one that started the threads, made by `fork`. It has none of them.
pub fn is_forked() -> bool {
    REGISTERED
        .get()
        .is_some_and(|registered| registered.process != process::id())
}

extern "C" fn end_work() {
    let Some(registered) = REGISTERED.get() else {
        return;
    };
    if is_forked() {
        return;
    }
    EXIT.cancel();
    let own = usize::from(WORKS_HERE.get());
    if own > 0 {
        (registered.stop_rest)();
    }
    // After the timeout, the process ends all the same.
    let _ = WORK_ENDED
        .wait_timeout_while(lock(&WORKS), TIMEOUT, |works| *works > own)
        .unwrap_or_else(PoisonError::into_inner);
}
