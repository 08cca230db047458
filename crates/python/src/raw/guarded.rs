//! State that the GIL guards.

use std::cell::RefCell;

use super::Gil;

/// A value that is only touched with the GIL held, by one borrower at a time.
///
/// A borrower may call into the interpreter, and that may call back: so a second borrow is refused, not waited for.
pub(crate) struct Guarded<T>(RefCell<T>);

// SAFETY: every access goes through `try_with`, which wants the GIL; the GIL orders the threads.
unsafe impl<T> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Guarded(RefCell::new(value))
    }

    /// Runs `f` on the value; `None` if somebody is at it already. `f` must not release the GIL.
    pub(crate) fn try_with<R>(&self, _gil: Gil<'_>, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok().map(|mut value| f(&mut value))
    }
}
