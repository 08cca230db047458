//! The raw engine: every line of this crate that is unsafe stands in this folder.
//!
//! LLVM's objects are held by [`RawContext`], [`RawModule`] and [`Node`], which free them. A value is
//! only ever seen as a [`Value`], which borrows the module it lives in: what may delete values takes
//! `&mut RawModule`, so no `Value` can be left dangling by anything in this crate. (Copies of inkwell
//! values that users keep are theirs to answer for.)

pub(crate) mod bindings;
mod context;
mod fatal;
mod library;
mod module;
mod node;
mod text;
mod value;
mod watch;

pub(crate) use context::{MAJOR, RawContext, versions};
pub use fatal::{FatalError, on_fatal_error};
pub(crate) use library::Resident;
pub(crate) use module::{ExtractRequest, Inlining, Observation, RawModule, current_pass};
pub(crate) use node::{Mark, Mode, Node};
pub(crate) use value::{User, Value};
pub(crate) use watch::{Change, Watch};
