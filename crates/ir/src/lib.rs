#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod audit;
mod collect;
mod context;
mod counters;
mod edit;
mod error;
mod extract;
mod handle;
mod home;
pub mod kind;
mod library;
mod link;
mod mailbox;
mod module;
mod nodes;
mod operation;
mod owned;
mod passes;
mod pin;
#[expect(unsafe_code, reason = "the one folder that talks to LLVM")]
mod raw;
mod stale;

pub use audit::{Difference, DifferenceKind};
pub use collect::{CollectReport, Refusal};
pub use context::{Context, check_version};
pub use counters::{Live, live};
pub use edit::Edit;
pub use error::Error;
pub use extract::{Bring, Unit, UnitBitcode};
pub use handle::{Asserting, Callback, Tracking, Weak};
pub use inkwell;
pub use library::{BitcodeLibrary, Imported};
pub use module::{MemoryReport, Module};
pub use owned::{FunctionId, OwnedFunction};
pub use passes::{Fate, PassReport};
pub use raw::{FatalError, on_fatal_error};
pub use stale::{Event, Fall, Stale, What};
