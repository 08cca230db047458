//! Memory for code: one reservation `[stubs][code][data]`, backed by memory as far as it is used.
//!
//! Everything lies within 2 GB, so code reaches its data, its neighbours and its stubs by 32-bit displacements. The
//! *code* part is private and never writable; the *data* part is private and never executable; the *stubs* part
//! holds patched stubs only (the `os` module says why). Executable bytes that belong to nobody are trap instructions.
//!
//! Memory comes and goes in chunks. A chunk in which nothing is left is given back to the system, but for a few
//! that wait for the next unit.

mod space;
mod stubs;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) use space::Block;
use space::Space;
pub(crate) use stubs::SIZE as STUB_SIZE;
use stubs::Stubs;

use crate::os::Os;
use crate::{Error, isa};

/// An instruction of 4 bytes, or four of one byte, that trap.
const TRAP: [u8; 4] = isa::NATIVE.trap();

/// Memory is committed in pieces of this many bytes.
const CHUNK: usize = 16 * 1024;
/// So many empty chunks of a part are kept for the next unit.
const IDLE_CHUNKS: usize = 8;
/// Reservations are rounded to this, so that every part is a whole number of chunks.
const UNIT: usize = 1 << 21;

/// Which part of the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Private, readable and executable.
    Code,
    /// Private, readable and writable.
    Data,
}

/// See the module.
pub(crate) struct Arena {
    os: Arc<dyn Os>,
    whole: Block,
    code: Pages,
    data: Pages,
    stubs: Stubs,
    limit: usize,
    committed: usize,
    peak: usize,
    /// The memory outlives the arena.
    leaked: bool,
}

/// One part's bookkeeping.
struct Pages {
    part: Part,
    start: usize,
    space: Space,
    chunks: Vec<Chunk>,
    /// Chunks that are backed by memory and empty.
    idle: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// Not backed by memory.
    Absent,
    /// Nothing in it was ever freed.
    Fresh,
    /// Some of its bytes once were other instructions, which a processor may have fetched.
    Reused,
}

impl Arena {
    /// Reserves `reserve` bytes of addresses, of which at most `limit` will be backed by memory.
    pub(crate) fn new(os: Arc<dyn Os>, reserve: usize, limit: usize) -> Result<Self, Error> {
        let len = reserve
            .clamp(UNIT, isa::NATIVE.max_reserve())
            .next_multiple_of(UNIT);
        let whole = Block {
            start: os.reserve(len)?,
            len,
        };
        let stubs = Block {
            start: whole.start,
            len: len / 32,
        };
        let data_len = len / 4;
        let code = Block {
            start: stubs.end(),
            len: len - stubs.len - data_len,
        };
        let data = Block {
            start: code.end(),
            len: data_len,
        };
        Ok(Self {
            os,
            whole,
            code: Pages::new(Part::Code, code),
            data: Pages::new(Part::Data, data),
            stubs: Stubs::new(stubs),
            limit: limit.min(len),
            committed: 0,
            peak: 0,
            leaked: false,
        })
    }

    /// The reservation.
    pub(crate) fn whole(&self) -> Block {
        self.whole
    }

    /// The parts that may be executed.
    pub(crate) fn executable(&self) -> Block {
        Block {
            start: self.whole.start,
            len: self.data.start - self.whole.start,
        }
    }

    /// Bytes handed out of a part.
    pub(crate) fn used(&self, part: Part) -> usize {
        match part {
            Part::Code => self.code.space.used(),
            Part::Data => self.data.space.used(),
        }
    }

    /// Bytes backed by memory: now, and at most so far.
    pub(crate) fn committed(&self) -> (usize, usize) {
        (self.committed, self.peak)
    }

    /// Takes a block and backs it with memory. A code block is full of traps, a data block's content is unspecified.
    pub(crate) fn take(&mut self, part: Part, len: usize, align: usize) -> Result<Block, Error> {
        let full = Error::ArenaFull {
            wanted: len,
            used: self.committed,
            limit: self.limit,
        };
        let block = self.pages(part).space.take(len, align).ok_or(full)?;
        if let Err(error) = self.commit(part, block) {
            self.give_back(part, block);
            return Err(error);
        }
        Ok(block)
    }

    /// Whether bytes of this code block may have been fetched by a processor as other instructions.
    pub(crate) fn is_reused(&self, code: Block) -> bool {
        self.code.chunks[self.code.chunks_of(code)].contains(&Chunk::Reused)
    }

    /// Frees a data block.
    pub(crate) fn give_data(&mut self, block: Block) {
        self.give_back(Part::Data, block);
    }

    /// Fills code blocks with traps. On an error all of them may be anything.
    pub(crate) fn trap(&mut self, blocks: &[Block]) -> Result<(), Error> {
        let longest = blocks.iter().map(|block| block.len).max().unwrap_or(0);
        let traps = TRAP.repeat(longest / TRAP.len());
        let writes: Vec<_> = blocks
            .iter()
            .map(|block| (block.start, &traps[..block.len]))
            .collect();
        self.os.write_code(&writes)?;
        for &block in blocks {
            let chunks = self.code.chunks_of(block);
            self.code.chunks[chunks].fill(Chunk::Reused);
        }
        Ok(())
    }

    /// Frees a code block that is full of traps.
    pub(crate) fn give_code(&mut self, block: Block) {
        self.give_back(Part::Code, block);
    }

    /// Takes a patched stub, and returns its address. It is traps until it is pointed at something.
    pub(crate) fn take_stub(&mut self) -> Result<usize, Error> {
        if let Some(stub) = self.stubs.take() {
            return Ok(stub);
        }
        let full = Error::ArenaFull {
            wanted: stubs::CHUNK,
            used: self.committed,
            limit: self.limit,
        };
        if self.committed + stubs::CHUNK > self.limit || !self.stubs.grow(&*self.os)? {
            return Err(full);
        }
        self.grew(stubs::CHUNK);
        self.stubs.take().ok_or(full)
    }

    /// How many patched stubs are taken.
    pub(crate) fn stubs_in_use(&self) -> usize {
        self.stubs.in_use()
    }

    /// Makes a patched stub trap.
    pub(crate) fn trap_stub(&self, stub: usize) {
        self.stubs.trap(stub);
    }

    /// Frees a patched stub that traps.
    pub(crate) fn give_stub(&mut self, stub: usize) {
        self.stubs.give(stub);
    }

    /// Writes a patched stub's jump to `target`, a code address of this arena.
    pub(crate) fn point_stub(&self, stub: usize, target: usize) {
        self.stubs.point(stub, target);
    }

    /// In a child after a fork: maps the stubs anew, all of them traps, for children do not inherit them.
    pub(crate) fn remap_stubs(&mut self) -> Result<(), Error> {
        self.stubs.remap(&*self.os)
    }

    /// Lets the memory outlive the arena, because somebody may still run code in it.
    pub(crate) fn leak(&mut self) {
        self.leaked = true;
    }

    fn pages(&mut self, part: Part) -> &mut Pages {
        match part {
            Part::Code => &mut self.code,
            Part::Data => &mut self.data,
        }
    }

    fn grew(&mut self, len: usize) {
        self.committed += len;
        self.peak = self.peak.max(self.committed);
    }

    /// Backs the chunks of `block` with memory; on an error those that were added are removed again.
    fn commit(&mut self, part: Part, block: Block) -> Result<(), Error> {
        let chunks = self.pages(part).chunks_of(block);
        let mut added = Vec::new();
        for chunk in chunks {
            self.pages(part).idle.remove(&chunk);
            if self.pages(part).chunks[chunk] != Chunk::Absent {
                continue;
            }
            if let Err(error) = self.commit_chunk(part, chunk, block.len) {
                for chunk in added {
                    self.decommit_chunk(part, chunk);
                }
                return Err(error);
            }
            added.push(chunk);
        }
        Ok(())
    }

    fn commit_chunk(&mut self, part: Part, chunk: usize, wanted: usize) -> Result<(), Error> {
        if self.committed + CHUNK > self.limit {
            return Err(Error::ArenaFull {
                wanted,
                used: self.committed,
                limit: self.limit,
            });
        }
        let start = self.pages(part).chunk_start(chunk);
        match part {
            Part::Data => self.os.commit_data(start, CHUNK)?,
            Part::Code => {
                self.os.commit_code(start, CHUNK)?;
                if let Err(error) = self
                    .os
                    .write_code(&[(start, &TRAP.repeat(CHUNK / TRAP.len()))])
                {
                    // Should that fail too, the range stays mapped, and committing it again replaces it.
                    let _ = self.os.decommit(start, CHUNK);
                    return Err(error);
                }
            }
        }
        self.pages(part).chunks[chunk] = Chunk::Fresh;
        self.grew(CHUNK);
        Ok(())
    }

    fn decommit_chunk(&mut self, part: Part, chunk: usize) {
        let start = self.pages(part).chunk_start(chunk);
        // A chunk that the system does not take back stays ours, empty.
        if self.os.decommit(start, CHUNK).is_ok() {
            self.pages(part).chunks[chunk] = Chunk::Absent;
            self.committed -= CHUNK;
        }
    }

    fn give_back(&mut self, part: Part, block: Block) {
        let pages = self.pages(part);
        let free = pages.space.give(block);
        let empty = pages.chunks_within(free);
        let near = pages.chunks_of(block);
        // Only chunks that the block touched can have become empty just now.
        let candidates = empty.start.max(near.start)..empty.end.min(near.end);
        for chunk in candidates {
            let pages = self.pages(part);
            if pages.chunks[chunk] == Chunk::Absent {
                continue;
            }
            if pages.idle.len() < IDLE_CHUNKS {
                pages.idle.insert(chunk);
            } else {
                self.decommit_chunk(part, chunk);
            }
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if self.leaked {
            return;
        }
        self.stubs.unmap_views(&*self.os);
        self.os.release(self.whole.start, self.whole.len);
    }
}

impl Pages {
    fn new(part: Part, range: Block) -> Self {
        Self {
            part,
            start: range.start,
            space: Space::new(Block {
                start: range.start,
                len: range.len - range.len % CHUNK,
            }),
            chunks: vec![Chunk::Absent; range.len / CHUNK],
            idle: BTreeSet::new(),
        }
    }

    fn chunk_start(&self, chunk: usize) -> usize {
        debug_assert!(
            chunk < self.chunks.len(),
            "chunk {chunk} of {:?}",
            self.part
        );
        self.start + chunk * CHUNK
    }

    /// The chunks that a block touches.
    fn chunks_of(&self, block: Block) -> std::ops::Range<usize> {
        (block.start - self.start) / CHUNK..(block.end() - self.start).div_ceil(CHUNK)
    }

    /// The chunks that lie wholly in a block.
    fn chunks_within(&self, block: Block) -> std::ops::Range<usize> {
        (block.start - self.start).div_ceil(CHUNK)..(block.end() - self.start) / CHUNK
    }
}

#[cfg(test)]
mod tests;
