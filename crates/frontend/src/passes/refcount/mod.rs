//! Places reference counting: `IncRef` and `DecRef` by last use, with borrowing.
//!
//! References belong to *roots*: values that are not just another name of a value ([`Keeper::Alias`]). A root is
//! *owned* when it is a new reference (results of calls, block parameters: what a jump passes is handed over), and
//! *lent* otherwise, by a local, a list, a tuple, a dictionary. A lent root costs nothing, unless what lends it may let
//! go of it before the last use (Python code runs, the local is stored to, the list's item is replaced, the tuple
//! dies); then it is *promoted*: a reference is taken behind its definition, and it is owned.
//!
//! An owned root is released behind its last use on each path, or handed over by it. Uses are operands and what frame
//! states of exits name; [`Op::Drop`] is a use, which marks where the program drops a temporary, so that what can be
//! seen dying dies where the interpreter has it. What an exit hands over is noted in [`Func::handovers`].
//!
//! Nullness: an owned root may be NULL; its release then is one that takes NULL.
//!
//! [`Keeper::Alias`]: crate::hir::Keeper::Alias
//! [`Op::Drop`]: crate::hir::Op::Drop

mod live;
mod place;
mod promote;
mod roots;
#[cfg(test)]
mod tests;

pub(crate) use promote::checked_inst;
pub(crate) use roots::{Bits, Roots, lets_operands_go, local_replaced};

use super::edges;
use crate::hir::{Cfg, Func};
use live::Live;
use place::Mode;
use promote::Owned;

/// Runs the pass; once for a function.
pub fn run(func: &mut Func) {
    analyse(func, Mode::Count);
}

/// Marks with [`Op::Drop`] where references die whose release may run code, so that other passes respect it: they
/// move no load over such a place, and the place stays where it is when they take uses away.
///
/// [`Op::Drop`]: crate::hir::Op::Drop
pub fn mark_deaths(func: &mut Func) {
    analyse(func, Mode::Mark);
}

fn analyse(func: &mut Func, mode: Mode) {
    edges::split_critical(func);
    let cfg = Cfg::new(func);
    let roots = Roots::new(func, &cfg);
    let live = Live::new(func, &cfg, &roots);
    let owned = Owned::find(func, &cfg, &roots, &live);
    place::place(func, &cfg, &roots, &live, &owned, mode);
}
