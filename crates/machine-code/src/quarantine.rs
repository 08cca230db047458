//! Quarantine: freed code and freed stubs stay traps for a while, so that who enters them is caught, and can be told
//! what stood there.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::arena::{Arena, Block};
use crate::index::{Grave, Index, Owner, Replaced, Span};

/// A piece of the arena that is full of traps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resting {
    Code(Block),
    /// A patched stub, by its address.
    Stub(usize),
}

impl Resting {
    pub(crate) fn block(&self) -> Block {
        match *self {
            Self::Code(block) => block,
            Self::Stub(start) => Block {
                start,
                len: crate::arena::STUB_SIZE,
            },
        }
    }

    fn code_len(&self) -> usize {
        match self {
            Self::Code(block) => block.len,
            Self::Stub(_) => 0,
        }
    }

    /// Gives it back to the arena.
    fn free(self, arena: &mut Arena) {
        match self {
            Self::Code(block) => arena.give_code(block),
            Self::Stub(stub) => arena.give_stub(stub),
        }
    }
}

/// What waits, the oldest first.
pub(crate) struct Quarantine {
    /// The most bytes that wait. 0: nothing does.
    limit: usize,
    bytes: usize,
    /// Those of them that are in the code part.
    code_bytes: usize,
    queue: VecDeque<(Resting, Arc<Grave>)>,
}

impl Quarantine {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            code_bytes: 0,
            queue: VecDeque::new(),
        }
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the code part that wait.
    pub(crate) fn code_bytes(&self) -> usize {
        self.code_bytes
    }

    /// How many patched stubs wait.
    pub(crate) fn patched_stubs(&self) -> usize {
        (self.bytes - self.code_bytes) / crate::arena::STUB_SIZE
    }

    /// What waits.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Resting, Arc<Grave>)> {
        self.queue.iter()
    }

    /// Takes a piece in, and frees the oldest ones if there are too many now.
    pub(crate) fn add(
        &mut self,
        resting: Resting,
        grave: impl FnOnce() -> Grave,
        arena: &mut Arena,
        index: &Index,
        replaced: &mut Replaced,
    ) {
        let block = resting.block();
        if block.len > self.limit {
            resting.free(arena);
            return;
        }
        let grave = Arc::new(grave());
        let span = Span {
            start: block.start,
            end: block.end(),
            owner: Owner::Quarantine(Arc::clone(&grave)),
        };
        index.insert(&span, replaced);
        self.bytes += block.len;
        self.code_bytes += resting.code_len();
        self.queue.push_back((resting, grave));
        self.shrink(self.limit, arena, index, replaced);
    }

    /// Frees the oldest pieces until at most so many bytes wait. Answers whether there were any.
    pub(crate) fn shrink(
        &mut self,
        limit: usize,
        arena: &mut Arena,
        index: &Index,
        replaced: &mut Replaced,
    ) -> bool {
        let before = self.bytes;
        while self.bytes > limit {
            let Some((resting, _)) = self.queue.pop_front() else {
                break;
            };
            let block = resting.block();
            self.bytes -= block.len;
            self.code_bytes -= resting.code_len();
            index.remove(block.start, block.end(), replaced);
            resting.free(arena);
        }
        self.bytes < before
    }
}
