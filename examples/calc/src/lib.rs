//! Calc: a small language of numbers whose functions are compiled while the program runs, redefined
//! under running loops, inlined into each other, and deleted.
//!
//! ```text
//! fn square(x) = x * x
//! fn sum(n) = s = 0; while n > 0 do (s = s + square(n); n = n - 1); s
//! sum(10)
//! ```
//!
//! It is the tutorial of Martlet's crates; read the files in this order:
//!
//! 1. `parse`: text to trees. `interpret` runs a tree: that is what calls do until there is machine code.
//! 2. `compile`: a tree becomes text of LLVM's language in a `Library` of `martlet-codegen`, which extracts a
//!    unit of one function with the bodies that it may inline, optimises and emits it. This is the `Compiler` of
//!    `martlet-engine`.
//! 3. `world`: what the engine asks of an embedder. Who is hot is requested; finished units are
//!    installed; a redefinition invalidates; a deletion drops.
//! 4. `raw`: the few lines where machine code is called, and calls back.
//!
//! Every call goes through the entry of what is called, but where its body was inlined; there the `valid`
//! byte of the version is looked at first. So a call reaches the definition that is current when it is
//! made, and a loop that runs already sees a redefinition at its next call.

mod compile;
mod interpret;
mod parse;
mod raw;
mod world;

pub use compile::{Calc, Source};
pub use parse::{Definition, Expr, Operator, ParseError, parse};
pub use world::World;
