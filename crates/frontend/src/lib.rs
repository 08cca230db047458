//! The frontend: a snapshot of a Python function in, LLVM IR out.
//!
//! Three steps, each a module: [`bytecode`] decodes (the only part that knows the version of CPython), [`hir`] is the
//! typed middle form, built by `build` and improved by `passes`, and `lower` (feature `lower`) makes LLVM IR of it.
//! Nothing here knows an address, and nothing is unsafe.
#![forbid(unsafe_code)]

mod build;
pub mod bytecode;
pub mod hir;
#[cfg(feature = "lower")]
pub mod lower;
pub mod passes;
mod profit;

pub use build::{Refusal, build};
pub use profit::{general_calls, general_operators};

use martlet_snapshot::Request;

/// Translates a request to HIR that is ready to be lowered: built, then improved by every pass.
///
/// # Errors
/// A reason when this function is not compiled.
pub fn translate(request: &Request) -> Result<hir::Func, Refusal> {
    let mut func = build(request)?;
    passes::run(&mut func);
    if request.mode.must_pay {
        profit::check(&func)?;
    }
    Ok(func)
}
