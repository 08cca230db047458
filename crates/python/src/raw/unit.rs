//! Headers of versions: the words that machine code, exits and adapters read.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{Addr, c};

/// The bit that every mark has: a frame's `return_offset` never gets there by itself.
const MARK: u16 = 0x8000;

/// The mark of a version in the frames that it runs in.
pub(crate) fn mark_of(version: u32) -> u16 {
    MARK | (version & 0x7fff) as u16
}

/// A version's header, at an address that stays.
pub(crate) struct Header {
    unit: Box<UnsafeCell<c::Unit>>,
    exits: Box<[u32]>,
    counts: Box<[AtomicU64]>,
    notes: Box<[AtomicU64]>,
}

// SAFETY: written before the version is published, under the GIL; after that only `valid` and the counts change, which
// are atomics here.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

impl Header {
    /// A header that is not valid yet, with the encoded exit table of `n_exits` exits, and room for `n_notes` notes.
    pub(crate) fn new(exits: Vec<u32>, n_exits: usize, n_notes: usize) -> Self {
        let exits = exits.into_boxed_slice();
        let zeros = |n| (0..n).map(|_| AtomicU64::new(0)).collect::<Box<[_]>>();
        let (counts, notes) = (zeros(n_exits), zeros(n_notes));
        let unit = c::Unit {
            valid: 0,
            kind: 0,
            mark: MARK,
            n_exits: n_exits as u32,
            exits: exits.as_ptr(),
            exit_counts: counts.as_ptr().cast(),
            slots: std::ptr::null(),
            code: std::ptr::null_mut(),
            owner: std::ptr::null_mut(),
            notes: notes.as_ptr().cast_mut().cast(),
        };
        Header {
            unit: Box::new(UnsafeCell::new(unit)),
            exits,
            counts,
            notes,
        }
    }

    /// Completes the header of a version that is about to be published, and makes it valid.
    pub(crate) fn complete(&self, is_loop: bool, mark: u16, slots: &[AtomicU64], code: Addr) {
        // SAFETY: nobody reads the header before the version is published.
        let unit = unsafe { &mut *self.unit.get() };
        unit.kind = u8::from(is_loop);
        unit.mark = mark;
        unit.slots = slots.as_ptr().cast();
        unit.code = code.as_ptr();
        unit.valid = 1;
    }

    /// Its address, for slot 0.
    pub(crate) fn address(&self) -> u64 {
        self.unit.get() as u64
    }

    /// No assumption of the version may be relied on any more.
    pub(crate) fn invalidate(&self) {
        // SAFETY: the byte is alive as long as `self`; machine code reads it whole.
        let valid = unsafe { AtomicU8::from_ptr(&raw mut (*self.unit.get()).valid) };
        // Release is more than enough: who must see it holds the GIL after us.
        valid.store(0, Ordering::Release);
    }

    /// Empties a slot: what it named is dying.
    ///
    /// The version's machine code must not be freed yet.
    pub(crate) fn clear_slot(&self, slot: usize) {
        // SAFETY: read under the GIL; `complete` wrote it before.
        let slots = unsafe { (*self.unit.get()).slots };
        if !slots.is_null() {
            // SAFETY: the table is alive as long as the machine code, and `slot` is one of the slots it was filled with.
            let word = unsafe { AtomicU64::from_ptr(slots.add(slot) as *mut u64) };
            word.store(0, Ordering::Release);
        }
    }

    /// How often each exit was taken.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        // Relaxed: statistics.
        self.counts.iter().map(|it| it.load(Ordering::Relaxed))
    }

    /// What machine code has noted, as `notes.c` of the helpers encodes it.
    pub(crate) fn notes(&self) -> impl Iterator<Item = u64> + '_ {
        // Relaxed: the GIL is held here and there.
        self.notes.iter().map(|it| it.load(Ordering::Relaxed))
    }

    /// Words of the exit table.
    pub(crate) fn table_words(&self) -> usize {
        self.exits.len()
    }
}
