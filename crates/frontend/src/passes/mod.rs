//! Passes over HIR, one a file. They decide by what operations declare of themselves, and need no LLVM.

mod edges;
pub mod ownership;
pub mod refcount;

use crate::hir::Func;

/// Runs all passes in order.
pub fn run(func: &mut Func) {
    refcount::run(func);
}
