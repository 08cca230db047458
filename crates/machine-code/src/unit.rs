//! What there is one of for each object and for each entry.

use std::sync::Arc;

use crate::arena::{Block, STUB_SIZE};
use crate::index::{Buried, BuriedVersion, Version};
use crate::shared::{LineNo, UnitNo};
use crate::unwind::Frames;
use crate::{CodeId, CodeSize, Entry, EntryKey};

/// The bytes of one object.
pub(crate) struct Unit {
    /// The versions, the object's own first.
    pub(crate) bodies: Box<[Body]>,
    pub(crate) name: Arc<str>,
    pub(crate) code: Block,
    pub(crate) data: Option<Block>,
    /// The entries that lead to it.
    pub(crate) incoming: Vec<LineNo>,
    pub(crate) was_linked: bool,
    pub(crate) is_retired: bool,
    /// Entries whose cells or stubs its code names.
    pub(crate) holds: Vec<Entry>,
    pub(crate) frames: Option<Frames>,
}

/// The code of one version.
pub(crate) struct Body {
    pub(crate) version: Arc<Version>,
    /// The address at which it is entered.
    pub(crate) address: usize,
    /// Where the last entry that led here leads now. `None`: to its default.
    pub(crate) replaced_by: Option<CodeId>,
}

impl Unit {
    pub(crate) fn size(&self) -> CodeSize {
        CodeSize {
            text: self.code.len,
            data: self.data.map_or(0, |block| block.len),
        }
    }

    /// Whose the pieces of the code block are, by rising address: each version's code ends where the next one's is
    /// entered.
    pub(crate) fn pieces(&self) -> Vec<(&Body, Block)> {
        let mut bodies: Vec<_> = self.bodies.iter().collect();
        bodies.sort_by_key(|body| body.address);
        let ends = bodies.iter().skip(1).map(|body| body.address);
        let ends = ends.chain([self.code.end()]);
        let mut start = self.code.start;
        let pieces = bodies.iter().zip(ends).map(|(&body, end)| {
            let len = end - start;
            (
                body,
                Block {
                    start: std::mem::replace(&mut start, end),
                    len,
                },
            )
        });
        pieces.filter(|(_, piece)| piece.len > 0).collect()
    }

    pub(crate) fn buried(&self) -> Buried {
        let pieces = self.pieces();
        let versions = pieces.iter().map(|(body, piece)| BuriedVersion {
            start: piece.start,
            id: body.version.id,
            replaced_by: body.replaced_by,
        });
        Buried::Unit {
            name: Arc::clone(&self.name),
            versions: versions.collect(),
        }
    }

    pub(crate) fn body_of(&mut self, identity: u64) -> Option<&mut Body> {
        let mut bodies = self.bodies.iter_mut();
        bodies.find(|body| body.version.id.identity == identity)
    }
}

/// The state's side of an entry: where its line leads.
pub(crate) struct Line {
    pub(crate) key: EntryKey,
    /// The word that holds the current target. Callers of a patched stub do not read it, but readers that enter with
    /// an activation do, and so does a child that maps its stubs anew.
    pub(crate) cell: Block,
    pub(crate) stub: Stub,
    /// What callers reach when no version is current: within reach of a patched stub.
    pub(crate) default: usize,
    pub(crate) current: Option<UnitNo>,
    /// How many hold the stub's address for foreign code.
    pub(crate) pins: u64,
}

/// What callers of an entry call, unless they call through the cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stub {
    /// A jump through the cell, in a block of its own, which never changes.
    Fixed(Block),
    /// A jump that is rewritten, at this address.
    Patched(usize),
}

impl Stub {
    pub(crate) fn address(self) -> usize {
        match self {
            Self::Fixed(block) => block.start,
            Self::Patched(address) => address,
        }
    }

    pub(crate) fn block(self) -> Block {
        match self {
            Self::Fixed(block) => block,
            Self::Patched(start) => Block {
                start,
                len: STUB_SIZE,
            },
        }
    }
}
