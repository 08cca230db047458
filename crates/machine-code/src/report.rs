//! The report: the ledger, and the owner of every byte of executable memory that is in use.

use std::fmt;

use crate::arena::Block;
use crate::events::Target;
use crate::index::Buried;
use crate::quarantine::Resting;
use crate::shared::State;
use crate::unit::Stub;
use crate::{CodeId, EntryKey, Ledger};

/// What the runtime holds, for people and, with the feature `serde`, for programs.
/// See [`Runtime::report`](crate::Runtime::report).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// Counts of everything.
    pub ledger: Ledger,
    /// All executable memory that is in use, by rising address.
    pub blocks: Vec<OwnedBlock>,
}

/// A piece of executable memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OwnedBlock {
    /// Its first address.
    pub start: usize,
    /// Its length in bytes.
    pub len: usize,
    /// Whose it is.
    pub owner: BlockOwner,
}

/// Whose a piece of executable memory is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum BlockOwner {
    /// A version, or several that are members of one object.
    Code {
        /// The versions, the object's own first.
        ids: Vec<CodeId>,
        /// The object's name.
        name: String,
        /// No entry leads here any more.
        retired: bool,
        /// Bytes that it has in the writable range.
        data_len: usize,
        /// The entries that lead here.
        entries: Vec<EntryKey>,
    },
    /// The stub of an entry.
    Stub {
        /// The entry.
        entry: EntryKey,
        /// Where it leads. `None`: to its default target.
        current: Option<CodeId>,
        /// How many hold its address by [`Entry::pin`](crate::Entry::pin).
        pins: u64,
        /// Whether the stub is a jump that is patched. These lie in a part of their own.
        patched: bool,
    },
    /// A jump to a default target, which patched stubs share.
    DefaultJump {
        /// The address of the target.
        target: usize,
    },
    /// Traps, where versions stood.
    QuarantinedCode {
        /// The versions.
        ids: Vec<CodeId>,
    },
    /// Traps, where a stub stood.
    QuarantinedStub {
        /// Its entry.
        entry: EntryKey,
    },
    /// Nobody's; the system did not let it be filled with traps yet.
    Untrapped,
}

impl Report {
    pub(crate) fn new(state: &State) -> Self {
        let units = state.units.iter().map(|(_, unit)| {
            let owner = BlockOwner::Code {
                ids: unit.bodies.iter().map(|body| body.version.id).collect(),
                name: unit.name.to_string(),
                retired: unit.is_retired,
                data_len: unit.size().data,
                entries: unit
                    .incoming
                    .iter()
                    .map(|&it| state.lines[it].key)
                    .collect(),
            };
            block(unit.code, owner)
        });
        let stubs = state.lines.iter().map(|(_, line)| {
            let owner = BlockOwner::Stub {
                entry: line.key,
                current: state.current(line),
                pins: line.pins,
                patched: matches!(line.stub, Stub::Patched(_)),
            };
            block(line.stub.block(), owner)
        });
        let defaults = state.defaults.iter().map(|(&target, &at)| {
            let owner = BlockOwner::DefaultJump { target };
            block(at, owner)
        });
        let quarantined = state.quarantine.iter().map(|(resting, grave)| {
            let owner = match grave.what {
                Buried::Unit { ref versions, .. } => {
                    let ids = versions.iter().map(|it| it.id).collect();
                    BlockOwner::QuarantinedCode { ids }
                }
                Buried::Stub(entry) => BlockOwner::QuarantinedStub { entry },
            };
            block(Resting::block(resting), owner)
        });
        let untrapped = state.untrapped.iter();
        let untrapped = untrapped.map(|(at, _)| block(*at, BlockOwner::Untrapped));
        let mut blocks: Vec<_> = units
            .chain(stubs)
            .chain(defaults)
            .chain(quarantined)
            .chain(untrapped)
            .collect();
        blocks.sort_unstable_by_key(|it| it.start);
        Self {
            ledger: state.ledger(),
            blocks,
        }
    }
}

fn block(block: Block, owner: BlockOwner) -> OwnedBlock {
    OwnedBlock {
        start: block.start,
        len: block.len,
        owner,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ledger.fmt(f)?;
        for block in &self.blocks {
            writeln!(f, "{:#014x} {:>7} {}", block.start, block.len, block.owner)?;
        }
        Ok(())
    }
}

impl fmt::Display for BlockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code {
                ids,
                name,
                retired,
                data_len,
                entries,
            } => {
                f.write_str(if *retired { "retired" } else { "live" })?;
                list(f, ids)?;
                write!(
                    f,
                    " `{name}`, {data_len} data bytes, {} entries",
                    entries.len()
                )
            }
            Self::Stub {
                entry,
                current,
                pins,
                patched,
            } => {
                let word = if *patched { "patched stub" } else { "stub" };
                let current = Target(*current);
                write!(f, "{word} of {entry}, to {current}, {pins} pins")
            }
            Self::DefaultJump { target } => write!(f, "jump to the default target {target:#x}"),
            Self::QuarantinedCode { ids } => {
                f.write_str("traps, where once was")?;
                list(f, ids)
            }
            Self::QuarantinedStub { entry } => write!(f, "traps, where the stub of {entry} was"),
            Self::Untrapped => f.write_str("nobody's, and not traps yet"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, ids: &[CodeId]) -> fmt::Result {
    ids.iter().try_for_each(|id| write!(f, " {id}"))
}
