//! Everything that needs LLVM: a shared object behind a small C interface, and a program that is a process of its own.
//!
//! The shared object is loaded with the first compile, by `dlopen` with `RTLD_LOCAL`, so that another LLVM in the process is never
//! mixed up with this one. What crosses is plain data, [`martlet_snapshot::Request`] in and
//! [`martlet_snapshot::Reply`] out, encoded by `postcard`; [`raw`] has the functions.
//!
//! The program, `martlet_compiler`, answers any number of processes in the same way, over a socket: [`serve`].
//!
//! [`Compiler`] is the same for Rust: it holds the *library module*, in which each live function's translation stays
//! until it is released. `pipeline` shows the way of one request through the house: read that first.

mod compiler;
mod dumps;
mod lines;
mod pipeline;
pub mod raw;
mod refused;
mod server;

pub use compiler::{Compiler, Maintenance};
pub use server::serve;
