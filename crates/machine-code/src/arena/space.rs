//! A range of addresses handed out in pieces: best fit, with coalescing. Pure bookkeeping, no memory is touched.
//!
//! Free pieces are kept twice, by start (to merge neighbours) and by length (to find the tightest fit), so that taking
//! and giving back are logarithmic in the number of free pieces, and a range from which everything was given back is
//! one piece again.

use std::collections::{BTreeMap, BTreeSet};

/// A piece of a [`Space`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its first address.
    pub(crate) start: usize,
    /// Its length in bytes.
    pub(crate) len: usize,
}

impl Block {
    pub(crate) fn end(self) -> usize {
        self.start + self.len
    }
}

/// The free pieces of one range.
#[derive(Debug)]
pub(crate) struct Space {
    by_start: BTreeMap<usize, usize>,
    by_len: BTreeSet<(usize, usize)>,
    used: usize,
}

/// All pieces start and end at multiples of this many bytes.
pub(crate) const GRAIN: usize = 16;

impl Space {
    pub(crate) fn new(whole: Block) -> Self {
        let mut space = Self {
            by_start: BTreeMap::new(),
            by_len: BTreeSet::new(),
            used: 0,
        };
        space.insert(whole);
        space
    }

    /// Bytes handed out.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Takes the tightest piece of at least `len` bytes at a multiple of `align` (a power of two).
    pub(crate) fn take(&mut self, len: usize, align: usize) -> Option<Block> {
        let len = len.max(1).next_multiple_of(GRAIN);
        // The first piece that is long enough may be badly aligned; one that is longer by the alignment is not.
        let (free, start) = self
            .by_len
            .range((len, 0)..)
            .find_map(|&(free_len, free_start)| {
                let start = free_start.next_multiple_of(align.max(GRAIN));
                let free = Block {
                    start: free_start,
                    len: free_len,
                };
                (start.checked_add(len)? <= free.end()).then_some((free, start))
            })?;
        self.remove(free);
        let block = Block { start, len };
        self.insert(Block {
            start: free.start,
            len: block.start - free.start,
        });
        self.insert(Block {
            start: block.end(),
            len: free.end() - block.end(),
        });
        self.used += len;
        Some(block)
    }

    /// Gives a piece back. Returns the free piece that it is now a part of.
    pub(crate) fn give(&mut self, block: Block) -> Block {
        self.used -= block.len;
        let mut merged = block;
        if let Some((&start, &len)) = self.by_start.range(..block.start).next_back() {
            let before = Block { start, len };
            debug_assert!(
                before.end() <= block.start,
                "{block:?} overlaps the free {before:?}"
            );
            if before.end() == block.start {
                self.remove(before);
                merged = Block {
                    start,
                    len: len + merged.len,
                };
            }
        }
        if let Some(&len) = self.by_start.get(&block.end()) {
            self.remove(Block {
                start: block.end(),
                len,
            });
            merged.len += len;
        }
        self.insert(merged);
        merged
    }

    fn insert(&mut self, block: Block) {
        if block.len > 0 {
            self.by_start.insert(block.start, block.len);
            self.by_len.insert((block.len, block.start));
        }
    }

    fn remove(&mut self, block: Block) {
        self.by_start.remove(&block.start);
        self.by_len.remove(&(block.len, block.start));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: Block = Block {
        start: 0x1000,
        len: 0x4000,
    };

    #[test]
    fn neighbours_merge_again() {
        let mut space = Space::new(WHOLE);
        let blocks: Vec<_> = (0..4)
            .map(|_| space.take(100, 16).expect("there is room"))
            .collect();
        for idx in [1, 3, 0] {
            space.give(blocks[idx]);
        }
        assert_eq!(space.give(blocks[2]), WHOLE);
        assert_eq!(space.used(), 0);
    }

    #[test]
    fn the_tightest_piece_is_taken() {
        let mut space = Space::new(WHOLE);
        let wide = space.take(256, 16).expect("there is room");
        let _wall = space.take(16, 16);
        let tight = space.take(64, 16).expect("there is room");
        let _wall = space.take(16, 16);
        space.give(wide);
        space.give(tight);
        assert_eq!(space.take(50, 16), Some(tight));
    }

    proptest! {
        /// Against a map of bytes: pieces never overlap, are aligned, and all of them together are the whole again.
        #[test]
        fn pieces_never_overlap(steps in prop::collection::vec((any::<bool>(), 1usize..600, 0u32..9), 1..200)) {
            let mut space = Space::new(WHOLE);
            let mut owned: Vec<Block> = Vec::new();
            for (take, len, align) in steps {
                if take {
                    if let Some(block) = space.take(len, 1 << align) {
                        prop_assert!(block.len >= len && block.start % (1 << align) == 0);
                        prop_assert!(block.start >= WHOLE.start && block.end() <= WHOLE.end());
                        prop_assert!(owned.iter().all(|it| it.end() <= block.start || block.end() <= it.start));
                        owned.push(block);
                    }
                } else if !owned.is_empty() {
                    space.give(owned.swap_remove(len % owned.len()));
                }
                prop_assert_eq!(space.used(), owned.iter().map(|it| it.len).sum::<usize>());
            }
            for block in owned {
                space.give(block);
            }
            prop_assert_eq!(space.take(WHOLE.len, 16), Some(WHOLE));
        }
    }
}
