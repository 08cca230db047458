#![doc = include_str!("../README.md")]

mod activation;
mod arena;
mod code;
mod entry;
mod error;
mod fork;
mod hazard;
mod ledger;
mod link;
mod object;
mod os;
mod perf;
mod raw;
mod reclaim;
mod runtime;
mod shared;
mod sync;

pub use activation::{Activation, Thread};
pub use code::Code;
pub use entry::{Callable, CellAddress, DefaultTarget, Entry, EntryKey, EntryPtr, Strategy};
pub use error::Error;
pub use ledger::{Found, Ledger, Tally};
pub use object::{CodeId, CodeSize, Object, Table};
pub use reclaim::Collected;
pub use runtime::{Builder, Runtime};
