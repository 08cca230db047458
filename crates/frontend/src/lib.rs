//! The frontend: a snapshot of a Python function in, LLVM IR out.
//!
//! Three steps, each a module: [`bytecode`] decodes (the only part that knows the version of CPython), [`hir`] is the
//! typed middle form, built by `build` and improved by `passes`, and `lower` (feature `lower`) makes LLVM IR of it.
//! Nothing here knows an address, and nothing is unsafe.
#![forbid(unsafe_code)]

pub mod bytecode;
pub mod hir;
