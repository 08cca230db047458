//! Atomics from std, or from loom when a protocol is being explored (`--cfg loom`).
//!
//! The protocols of readers and reclaimers go through here: see `hazard` and `index`.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};

/// Where a reader looks for what it is about to enter. An entry's cell is one.
pub(crate) trait Word {
    /// The word, read with acquire ordering.
    fn load(&self) -> usize;
}

/// A cell in the arena's data, which generated code reads too.
impl Word for std::sync::atomic::AtomicU64 {
    #[inline]
    fn load(&self) -> usize {
        self.load(std::sync::atomic::Ordering::Acquire) as usize
    }
}

/// A cell in a model.
#[cfg(loom)]
impl Word for AtomicUsize {
    fn load(&self) -> usize {
        self.load(Ordering::Acquire)
    }
}
