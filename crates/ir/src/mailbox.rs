//! What is left for a module's owner by those who may not touch the module: tickets that were
//! dropped on any thread, and value handles that LLVM calls back from inside its destructors.

use crate::owned::FunctionId;
use crate::stale::Fall;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A module's mailbox. It outlives the module as long as anybody may post.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    dropped: Slot<FunctionId>,
    fallen: Slot<Fall>,
    moved: AtomicBool,
}

impl Mailbox {
    /// The last share in a function is gone.
    pub(crate) fn post_dropped(&self, id: FunctionId) {
        self.dropped.post(id);
    }

    /// An asserting handle has lost its value.
    pub(crate) fn post_fall(&self, fall: Fall) {
        self.fallen.post(fall);
    }

    /// An owned function was replaced by another. Relaxed: only the thread that has the module
    /// posts this, and takes it.
    pub(crate) fn post_moved(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped.is_full()
    }

    pub(crate) fn take_dropped(&self) -> Vec<FunctionId> {
        self.dropped.take()
    }

    pub(crate) fn take_fallen(&self) -> Vec<Fall> {
        self.fallen.take()
    }

    pub(crate) fn take_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }
}

/// A list of posts, with a flag that is cheap to look at.
#[derive(Debug)]
struct Slot<T> {
    /// A hint that `posts` is not empty. Relaxed: a post that is missed is seen by a later look.
    is_full: AtomicBool,
    posts: Mutex<Vec<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot {
            is_full: AtomicBool::new(false),
            posts: Mutex::default(),
        }
    }
}

impl<T> Slot<T> {
    fn post(&self, post: T) {
        self.posts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(post);
        self.is_full.store(true, Ordering::Relaxed);
    }

    fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    fn take(&self) -> Vec<T> {
        if !self.is_full() {
            return Vec::new();
        }
        // Before the posts: one in between sets the flag again.
        self.is_full.store(false, Ordering::Relaxed);
        core::mem::take(&mut *self.posts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_posted_is_lost() {
        let mailbox = Mailbox::default();
        let (n_threads, n_posts) = if cfg!(miri) { (3, 20) } else { (8, 1000) };
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    for _ in 0..n_posts {
                        mailbox.post_dropped(FunctionId::next());
                    }
                });
            }
            for _ in 0..n_posts {
                taken.append(&mut mailbox.take_dropped());
            }
        });
        taken.append(&mut mailbox.take_dropped());
        assert!(!mailbox.has_dropped());
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), n_threads * n_posts);
    }
}
