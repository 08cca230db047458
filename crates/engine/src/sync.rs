//! The locks of the engine, in one place.
//!
//! A panic of an embedder's closure must cost one function and not the engine, so a lock that was
//! held over a panic is taken as it is: every critical section of this crate leaves its data
//! consistent before it calls anything that it did not write.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, whether or not a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
