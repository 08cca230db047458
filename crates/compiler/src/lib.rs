//! The second shared object: everything that needs LLVM, behind a small C interface.
//!
//! It is loaded with the first compile, by `dlopen` with `RTLD_LOCAL`, so that another LLVM in the process is never
//! mixed up with this one. What crosses is plain data, [`martlet_snapshot::Request`] in and
//! [`martlet_snapshot::Reply`] out, encoded by `postcard`; [`raw`] has the functions.
//!
//! [`Compiler`] is the same for Rust: it holds the *library module*, in which each live function's translation stays
//! until it is released. `pipeline` shows the way of one request through the house: read that first.

mod compiler;
mod dumps;
mod lines;
mod pipeline;
pub mod raw;
mod refused;

pub use compiler::{Compiler, Maintenance};
