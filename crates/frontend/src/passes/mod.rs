//! Passes over HIR, one a file. They decide by what operations declare of themselves, and need no LLVM.

pub mod blocks;
pub mod dce;
mod edges;
#[cfg(test)]
mod fuzz;
pub mod gvn;
mod memory;
pub mod ownership;
pub mod refcount;
mod rewrite;
#[cfg(test)]
mod tests;

use crate::hir::Func;

/// Runs all passes in order.
pub fn run(func: &mut Func) {
    blocks::run(func);
    refcount::mark_deaths(func);
    gvn::run(func);
    dce::run(func);
    blocks::run(func);
    // From here on values are owned or lent: nothing may move any more.
    refcount::run(func);
    if cfg!(debug_assertions)
        && let Err(miscount) = ownership::check(func)
    {
        panic!("{miscount}\n{func}");
    }
}
