// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The end of the process. An application may return from `main`, or call `exit`, while an element still runs. The
//! exit handlers of libraries then free what the element's threads use, and the process would crash. So an exit
//! handler of our own runs before them: it ends this work and waits for it.

use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process;
use std::sync::{Condvar, LazyLock, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::lock::lock;

/// Longest time that the end of the process waits. Closing a stream takes less (`session::CLOSE_TIMEOUT`).
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that it waits for the application's own code, which may never return (see [`call_application`]).
const APPLICATION_TIMEOUT: Duration = Duration::from_millis(500);

/// Cancelled when the process ends.
static EXIT: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
static WORKS: Mutex<Works> = Mutex::new(Works {
    count: 0,
    in_application: 0,
});
static WORKS_CHANGED: Condvar = Condvar::new();
/// What the process that registered the handler needs to end.
static REGISTERED: OnceLock<Registered> = OnceLock::new();

struct Works {
    /// The number of [`Work`]s.
    count: usize,
    /// The number of those whose thread runs the application's code.
    in_application: usize,
}

struct Registered {
    process: u32,
    stop_rest: fn(),
}

thread_local! {
    /// This thread does a work itself, so it cannot wait for its end. The type needs no destructor: those of this
    /// thread have run already when the exit handler runs on it.
    static WORKS_HERE: Cell<bool> = const { Cell::new(false) };
    /// How often this thread is inside [`call_application`].
    static CALLS_HERE: Cell<usize> = const { Cell::new(0) };
}

/// Work on another thread, or of a task, that must end before the process does. It ends when this is dropped.
pub struct Work(());

impl Work {
    pub fn begin() -> Self {
        lock(&WORKS).count += 1;
        Self(())
    }

    /// Says that the calling thread does this work, until its end.
    pub fn is_done_here(&self) {
        WORKS_HERE.set(true);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&WORKS).count -= 1;
        WORKS_CHANGED.notify_all();
    }
}

/// Calls the application's own code, for example a signal handler. Does nothing, and returns `false`, if the process ends.
///
/// An interpreter that ends while this code runs does not let it return. Python 3.14 lets the thread wait for ever.
/// Python 3.12 and 3.13 end the thread by `pthread_exit`, which removes one call after the other from its stack. Rust
/// aborts the process if that reaches the first function of a thread, or one that called C without "C-unwind". So
/// `call` must use "C-unwind", and the thread waits here for the end of the process. `call` must own nothing that is
/// dropped ([`above_gap`]).
#[inline(never)]
pub fn call_application(call: &mut dyn FnMut()) -> bool {
    if has_begun() {
        return false;
    }
    let mut guard = ApplicationCall::begin();
    above_gap(call);
    guard.has_returned = true;
    true
}

/// Calls with free space between the caller's part of the stack and that of `call`. GLib keeps a list of all signal
/// emissions that go on, and its entries are in the stacks of their threads. If a thread ends in a handler, its entry
/// stays in the list, and every emission of another thread reads it. The thread waits in [`ApplicationCall`] for the end
/// of the process, and what it does there needs less than this space, so that the entry stays as it was. Nothing may be
/// dropped on the way there: that is done in the caller's part of the stack, and what it calls overwrites what is below.
#[inline(never)]
fn above_gap(call: &mut dyn FnMut()) {
    let gap = [MaybeUninit::<u8>::uninit(); 32 * 1024];
    black_box(&gap);
    call();
    black_box(&gap);
}

struct ApplicationCall {
    has_returned: bool,
}

impl ApplicationCall {
    fn begin() -> Self {
        let outer_calls = CALLS_HERE.replace(CALLS_HERE.get() + 1);
        if WORKS_HERE.get() && outer_calls == 0 {
            lock(&WORKS).in_application += 1;
        }
        Self {
            has_returned: false,
        }
    }
}

impl Drop for ApplicationCall {
    fn drop(&mut self) {
        let outer_calls = CALLS_HERE.get() - 1;
        CALLS_HERE.set(outer_calls);
        let thread_ends = !self.has_returned && !thread::panicking();
        if WORKS_HERE.get() && thread_ends {
            EXIT.cancel();
            // Not here: it takes more of the stack than the gap below an emission has.
            let elsewhere = thread::Builder::new().name("overshoot-end".to_owned());
            if elsewhere.spawn(end_stuck_work).is_err() {
                end_stuck_work();
            }
        } else if WORKS_HERE.get() && outer_calls == 0 {
            lock(&WORKS).in_application -= 1;
            WORKS_CHANGED.notify_all();
        }
        if thread_ends {
            loop {
                thread::park();
            }
        }
    }
}

/// Stops what a work has started whose thread does not return from the application's code. From then on, the work counts as
/// ended.
fn end_stuck_work() {
    if let Some(registered) = REGISTERED.get() {
        (registered.stop_rest)();
    }
    let mut works = lock(&WORKS);
    works.count -= 1;
    works.in_application -= 1;
    drop(works);
    WORKS_CHANGED.notify_all();
}

/// Registers the exit handler. Exit handlers run in the reverse order of their registration, so call this after the
/// libraries have registered theirs. If the handler runs on a thread that does some [`Work`] itself, or if such a thread
/// does not return from the application's code, it calls `stop_rest`, which must stop all other threads that this work
/// has started.
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
    // If this thread is in the application's code itself, that code does not return before the end.
    if own == 0 {
        wait_while(APPLICATION_TIMEOUT, |works| works.in_application > 0);
    }
    let stuck = |works: &Works| works.in_application.max(own);
    if stuck(&lock(&WORKS)) > 0 {
        (registered.stop_rest)();
    }
    // After the timeout, the process ends all the same.
    wait_while(TIMEOUT, |works| works.count > stuck(works));
}

fn wait_while(timeout: Duration, condition: impl Fn(&Works) -> bool) {
    let _ = WORKS_CHANGED
        .wait_timeout_while(lock(&WORKS), timeout, |works| condition(works))
        .unwrap_or_else(PoisonError::into_inner);
}
