#![doc = include_str!("../README.md")]

mod activation;
mod arena;
mod code;
mod entry;
mod error;
mod events;
mod fork;
mod hazard;
#[cfg_attr(loom, allow(dead_code, reason = "the handler of traps has no model"))]
mod index;
mod isa;
mod ledger;
mod link;
mod object;
mod observe;
mod os;
mod quarantine;
mod raw;
mod reclaim;
mod report;
mod runtime;
mod shared;
mod slab;
mod sync;
mod trap;
mod unit;
mod unwind;

pub use activation::{Activation, Thread};
pub use code::Code;
pub use entry::{Callable, CellAddress, DefaultTarget, Entry, EntryKey, EntryPtr, Strategy};
pub use error::Error;
pub use events::{Event, EventKind};
pub use ledger::{Found, Ledger, Tally};
pub use object::{
    Bytes, CodeId, CodeSize, Fixup, FixupKind, Member, Object, PcValue, Source, Symbol, Table,
};
pub use reclaim::Collected;
pub use report::{BlockOwner, OwnedBlock, Report};
pub use runtime::{Builder, Runtime};
