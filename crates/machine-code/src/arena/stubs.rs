//! Patched stubs: 16-byte places in shared memory with two views, each an aligned jump that is rewritten as one word.
//!
//! A stub is a direct jump and traps, the first word of its place. Processors fetch an aligned word whole, so
//! a thread executes the old jump or the new one. A core-serialising barrier after the store makes sure that no thread
//! goes on executing the old one.
//!
//! They are taken from the end of their range on, beside which the code begins: processors predict jumps of a few
//! megabytes at less cost than long ones (on AMD's Zen, those that stay within 16 MB come for nothing, and others add a
//! third to a call in a tight loop).

use std::sync::atomic::Ordering;

use super::space::Block;
use crate::os::Os;
use crate::{Error, isa, raw};

/// Bytes from one stub to the next.
pub(crate) const SIZE: usize = 16;
/// Stubs are mapped in pieces of this many bytes.
pub(super) const CHUNK: usize = 64 * 1024;
/// A word of traps.
const TRAPS: u64 = {
    let trap = u32::from_le_bytes(isa::NATIVE.trap()) as u64;
    trap << 32 | trap
};

/// All patched stubs of an arena. A stub is named by its executable address.
pub(super) struct Stubs {
    range: Block,
    /// The writable views of the chunks mapped so far, from the end of the range on. `None`: a child could not map its
    /// own, and the chunk is inaccessible.
    views: Vec<Option<usize>>,
    free: Vec<usize>,
    in_use: usize,
}

impl Stubs {
    pub(super) fn new(range: Block) -> Self {
        Self {
            range,
            views: Vec::new(),
            free: Vec::new(),
            in_use: 0,
        }
    }

    /// How many are taken.
    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    /// Takes a stub, which is traps.
    pub(super) fn take(&mut self) -> Option<usize> {
        let stub = self.free.pop()?;
        self.in_use += 1;
        Some(stub)
    }

    /// Makes a stub traps.
    pub(super) fn trap(&self, stub: usize) {
        self.store(stub, TRAPS);
    }

    /// Frees a stub, which is traps.
    pub(super) fn give(&mut self, stub: usize) {
        self.in_use -= 1;
        if self.views[self.chunk_of(stub)].is_some() {
            self.free.push(stub);
        }
    }

    /// Writes the jump to `target`, which lies in the same arena. Threads see it at the latest after a
    /// core-serialising barrier.
    pub(super) fn point(&self, stub: usize, target: usize) {
        self.store(stub, isa::NATIVE.patched_stub(stub, target));
    }

    /// Maps one more chunk. `false`: the range is used up.
    pub(super) fn grow(&mut self, os: &dyn Os) -> Result<bool, Error> {
        if (self.views.len() + 1) * CHUNK > self.range.len {
            return Ok(false);
        }
        let start = self.start_of(self.views.len());
        self.views.push(Some(os.map_stubs(start, CHUNK)?));
        self.fill(start);
        self.free.extend((start..start + CHUNK).step_by(SIZE));
        Ok(true)
    }

    /// In a child after a fork: maps all chunks anew, full of traps. A chunk for which that fails is lost.
    pub(super) fn remap(&mut self, os: &dyn Os) -> Result<(), Error> {
        let mut outcome = Ok(());
        for idx in 0..self.views.len() {
            let start = self.start_of(idx);
            // The old view was the parent's. Something else may stand at its address by now.
            self.views[idx] = os
                .map_stubs(start, CHUNK)
                .map_err(|error| outcome = Err(error))
                .ok();
            self.fill(start);
        }
        let mut free = std::mem::take(&mut self.free);
        free.retain(|&stub| self.views[self.chunk_of(stub)].is_some());
        self.free = free;
        outcome
    }

    pub(super) fn unmap_views(&mut self, os: &dyn Os) {
        for view in self.views.drain(..).flatten() {
            os.unmap_view(view, CHUNK);
        }
    }

    /// Makes the chunk at `start` traps throughout.
    fn fill(&self, start: usize) {
        for word in (start..start + CHUNK).step_by(8) {
            self.store(word, TRAPS);
        }
    }

    fn store(&self, address: usize, word: u64) {
        let chunk = self.chunk_of(address);
        let Some(view) = self.views[chunk] else {
            return;
        };
        // SAFETY: the view is mapped as long as it is listed, and is accessed by whole words only.
        let place = unsafe { raw::word(view + (address - self.start_of(chunk))) };
        // Release: what the new target relies on was written before; pairs with the instruction fetch.
        place.store(word, Ordering::Release);
    }

    /// The number of the chunk that holds an address.
    fn chunk_of(&self, address: usize) -> usize {
        (self.range.end() - 1 - address) / CHUNK
    }

    /// The first address of a chunk.
    fn start_of(&self, chunk: usize) -> usize {
        self.range.end() - (chunk + 1) * CHUNK
    }
}
