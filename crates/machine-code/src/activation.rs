//! Activations: how threads enter code when nobody but this library can say who is inside.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;

use crate::entry::{Callable, Entry};
use crate::hazard::Slots;
use crate::shared::Shared;

/// What reclaimers see of a thread. The protocol is in `hazard`.
pub(crate) struct Record {
    thread: ThreadId,
    first: Piece,
}

/// Some of a thread's slots, and the next ones: a chain that only grows, so that no lock guards it.
struct Piece {
    slots: Slots,
    next: OnceLock<Arc<Piece>>,
}

impl Piece {
    fn new() -> Self {
        Self {
            slots: Slots::new(),
            next: OnceLock::new(),
        }
    }
}

impl Record {
    /// The bodies that the thread is in. The caller has executed a full barrier since it unlinked what it looks for.
    pub(crate) fn protected(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(&self.first), |piece| {
            piece.next.get().map(|next| &**next)
        })
        .flat_map(|piece| piece.slots.protected())
    }

    /// Whether it is the calling thread's.
    pub(crate) fn is_own(&self) -> bool {
        self.thread == std::thread::current().id()
    }
}

/// A thread that may enter code. Made by [`Runtime::attach`](crate::Runtime::attach), and stays on its thread.
///
/// Entering is for callers written in Rust. A body that calls another one through a cell, itself, leaves no trace
/// here: an embedder whose compiled code does so answers [`collect`](crate::Runtime::collect)'s question instead.
pub struct Thread {
    shared: Arc<Shared>,
    record: Arc<Record>,
    /// The pieces of the record but for the first, by which most activations do.
    more: RefCell<Vec<Arc<Piece>>>,
    /// The slots from this one on are clear.
    depth: Cell<usize>,
    /// Whether slots below the depth may be clear, because activations did not end in order.
    has_holes: Cell<bool>,
    not_send: PhantomData<*const ()>,
}

impl Thread {
    pub(crate) fn attach(shared: &Arc<Shared>) -> Self {
        let record = Arc::new(Record {
            thread: std::thread::current().id(),
            first: Piece::new(),
        });
        shared.lock().records.push(Arc::clone(&record));
        Self {
            shared: Arc::clone(shared),
            record,
            more: RefCell::default(),
            depth: Cell::new(0),
            has_holes: Cell::new(false),
            not_send: PhantomData,
        }
    }

    /// Enters what the entry leads to now. Until the activation is dropped, that version is not freed.
    ///
    /// # Panics
    /// If the entry belongs to another runtime.
    #[inline]
    pub fn enter(&self, entry: &Entry) -> Activation<'_> {
        assert!(
            Arc::ptr_eq(&self.shared, entry.shared()),
            "the entry is of another runtime"
        );
        let slot = self.depth.get();
        let protect =
            |slots: &Slots| slots.protect(slot % Slots::LEN, entry.word(), self.shared.barriers);
        let body = if slot < Slots::LEN {
            protect(&self.record.first.slots)
        } else {
            protect(&self.piece(slot).slots)
        };
        self.depth.set(slot + 1);
        Activation {
            thread: self,
            slot,
            body,
        }
    }

    /// The piece with this slot, which is not in the first. It is added if need be.
    #[cold]
    fn piece(&self, slot: usize) -> Arc<Piece> {
        let mut more = self.more.borrow_mut();
        let no = slot / Slots::LEN - 1;
        while more.len() <= no {
            let last = more.last().map_or(&self.record.first, |piece| &**piece);
            let next = Arc::clone(last.next.get_or_init(|| Arc::new(Piece::new())));
            more.push(next);
        }
        Arc::clone(&more[no])
    }

    #[inline]
    fn leave(&self, slot: usize) {
        if slot < Slots::LEN {
            self.record.first.slots.clear(slot);
        } else {
            self.piece(slot).slots.clear(slot % Slots::LEN);
        }
        if slot + 1 == self.depth.get() && !self.has_holes.get() {
            self.depth.set(slot);
        } else {
            self.leave_out_of_order();
        }
    }

    /// Sets the depth to that of the last activation left.
    #[cold]
    fn leave_out_of_order(&self) {
        let is_clear = |slot: usize| match slot.checked_sub(Slots::LEN) {
            None => self.record.first.slots.is_clear(slot),
            Some(_) => self.piece(slot).slots.is_clear(slot % Slots::LEN),
        };
        let last = (0..self.depth.get()).rev().find(|&slot| !is_clear(slot));
        let depth = last.map_or(0, |slot| slot + 1);
        self.depth.set(depth);
        self.has_holes.set((0..depth).any(is_clear));
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // An activation that was forgotten may still be running; its record stays.
        if self.depth.get() == 0 {
            self.shared
                .lock()
                .records
                .retain(|record| !Arc::ptr_eq(record, &self.record));
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("depth", &self.depth.get())
            .finish_non_exhaustive()
    }
}

/// A call in progress, or about to start, inside one version.
pub struct Activation<'t> {
    thread: &'t Thread,
    slot: usize,
    body: usize,
}

impl Activation<'_> {
    /// The version that was entered, as a function pointer: good as long as the activation.
    ///
    /// # Safety
    /// `F` is a function pointer type, and the entry's default target and versions can be called as such. A copy of the
    /// pointer is not called, and a call of it not in progress, when the activation is dropped.
    #[inline]
    pub unsafe fn as_fn<F: Copy>(&self) -> Callable<'_, F> {
        // SAFETY: the body is not freed before the activation is dropped; `F` is the caller's promise.
        unsafe { Callable::new(self.body) }
    }
}

impl Drop for Activation<'_> {
    #[inline]
    fn drop(&mut self) {
        self.thread.leave(self.slot);
    }
}

impl fmt::Debug for Activation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activation")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}
