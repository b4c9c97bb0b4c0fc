//! The one way to lock a mutex.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic of another thread leaves nothing half done behind such a lock, so that its poison is ignored.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
