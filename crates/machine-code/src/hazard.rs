//! The protocol by which a reader enters code that another thread may be retiring.
//!
//! Each thread has a record with a slot for every activation it is in. To enter, it
//!
//! 1. reads the entry's word: the address of a body,
//! 2. writes that address to a free slot of its record,
//! 3. reads the word again, and starts over if it has changed.
//!
//! To free a body, a reclaimer first makes sure that no entry leads to it, and then looks for its address in all slots.
//! Between 2 and 3, and between changing the word and looking, stands a full barrier. So one of two things holds:
//!
//! - The reader's write to the slot comes first: then the reclaimer sees it and leaves the body alone.
//! - The change of the word comes first: then the reader's second look sees another address and starts over.
//!
//! The reader's barrier costs nothing where the system has `membarrier`: the reclaimer then makes *every* thread
//! execute one, and the reader only keeps the compiler from reordering. That an address was freed and handed out again
//! between 1 and 3 is harmless: the slot holds the address, so it protects whatever has it now, and the second look
//! says that the entry leads there.
//!
//! This is the scheme of Michael's hazard pointers (IEEE TPDS 15(6), 2004) with the asymmetric barrier of Dice,
//! Herlihy and Kogan ("Fast non-intrusive memory reclamation", ISMM 2016), on code addresses.

use crate::sync::{AtomicUsize, Ordering, Word, fence};

/// Activations that one piece of a record holds.
#[cfg(not(loom))]
const SLOTS: usize = 64;
#[cfg(loom)]
const SLOTS: usize = 2;

/// A slot that protects nothing. No body has this address.
const EMPTY: usize = 0;

/// A piece of a thread's record. Deep recursion adds pieces.
pub(crate) struct Slots([AtomicUsize; SLOTS]);

/// How readers and reclaimers order their stores and loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barriers {
    /// The reclaimer makes all threads execute a barrier; readers only restrain the compiler.
    Asymmetric,
    /// Both execute a barrier.
    Symmetric,
}

impl Barriers {
    #[inline]
    fn reader(self) {
        match self {
            // In a model there is no membarrier: loom knows fences only.
            #[cfg(not(loom))]
            Self::Asymmetric => std::sync::atomic::compiler_fence(Ordering::SeqCst),
            #[cfg(loom)]
            Self::Asymmetric => fence(Ordering::SeqCst),
            Self::Symmetric => fence(Ordering::SeqCst),
        }
    }
}

impl Slots {
    pub(crate) const LEN: usize = SLOTS;

    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicUsize::new(EMPTY)))
    }

    /// Protects what `word` leads to, by the free slot `idx`, and returns it.
    #[inline]
    pub(crate) fn protect(&self, idx: usize, word: &impl Word, barriers: Barriers) -> usize {
        let mut address = word.load();
        loop {
            // Relaxed: the barrier orders it before the second look; see the two cases in the module.
            self.0[idx].store(address, Ordering::Relaxed);
            barriers.reader();
            let again = word.load();
            if again == address {
                return address;
            }
            address = again;
        }
    }

    /// Ends the protection. Only the owner's thread calls this.
    #[inline]
    pub(crate) fn clear(&self, idx: usize) {
        // Release: a reclaimer that sees the slot empty (acquire, below) sees everything that the body did, so
        // that its bytes are not overwritten under it.
        self.0[idx].store(EMPTY, Ordering::Release);
    }

    /// Whether the slot is free. Only the owner's thread calls this.
    pub(crate) fn is_clear(&self, idx: usize) -> bool {
        // Relaxed: the owner reads its own store.
        self.0[idx].load(Ordering::Relaxed) == EMPTY
    }

    /// The addresses that are protected. The reclaimer has executed a full barrier since it changed the words.
    pub(crate) fn protected(&self) -> impl Iterator<Item = usize> + '_ {
        // Acquire: pairs with `clear`.
        self.0
            .iter()
            .map(|slot| slot.load(Ordering::Acquire))
            .filter(|&address| address != EMPTY)
    }
}

#[cfg(all(test, loom))]
mod model {
    //! All interleavings of readers, a relinker and a reclaimer over two bodies, one of which is freed.

    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;

    const OLD: usize = 1;
    const NEW: usize = 2;

    /// A reader inside OLD never sees it freed; the reclaimer frees it only when no slot names it.
    fn explore(readers: usize, clear: bool) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(move || {
            let word = Arc::new(AtomicUsize::new(OLD));
            let freed = Arc::new(AtomicUsize::new(0));
            let records: Vec<_> = (0..readers).map(|_| Arc::new(Slots::new())).collect();
            let threads: Vec<_> = records
                .iter()
                .map(|slots| {
                    let (word, freed, slots) = (word.clone(), freed.clone(), slots.clone());
                    thread::spawn(move || {
                        let body = slots.protect(0, &*word, Barriers::Symmetric);
                        assert!(body == OLD || body == NEW);
                        // Inside the body: it must not have been freed.
                        assert_ne!(freed.load(Ordering::Relaxed), body);
                        if clear {
                            slots.clear(0);
                        }
                    })
                })
                .collect();
            word.store(NEW, Ordering::Release);
            fence(Ordering::SeqCst);
            if !records
                .iter()
                .any(|slots| slots.protected().any(|body| body == OLD))
            {
                freed.store(OLD, Ordering::Relaxed);
            }
            for thread in threads {
                thread.join().expect("the reader's assertions hold");
            }
        });
    }

    #[test]
    fn a_body_is_not_freed_under_its_reader() {
        explore(1, false);
    }

    #[test]
    fn a_reader_may_leave_at_any_time() {
        explore(1, true);
    }

    #[test]
    fn two_readers() {
        explore(2, true);
    }

    /// A thread whose record is not in the list that the reclaimer takes sees the change made before it was taken.
    #[test]
    fn a_reader_may_attach_at_any_time() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let word = Arc::new(AtomicUsize::new(OLD));
            let freed = Arc::new(AtomicUsize::new(0));
            let records = Arc::new(Mutex::new(Vec::<Arc<Slots>>::new()));
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let (word, freed, records) = (word.clone(), freed.clone(), records.clone());
                    thread::spawn(move || {
                        let slots = Arc::new(Slots::new());
                        records.lock().expect("nobody panics").push(slots.clone());
                        let body = slots.protect(0, &*word, Barriers::Symmetric);
                        assert_ne!(freed.load(Ordering::Relaxed), body);
                    })
                })
                .collect();
            let taken = {
                let records = records.lock().expect("nobody panics");
                word.store(NEW, Ordering::Release);
                records.clone()
            };
            fence(Ordering::SeqCst);
            let is_protected = |slots: &Arc<Slots>| slots.protected().any(|body| body == OLD);
            if !taken.iter().any(is_protected) {
                freed.store(OLD, Ordering::Relaxed);
            }
            for reader in readers {
                reader.join().expect("the reader's assertion holds");
            }
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
