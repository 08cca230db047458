//! The Python extension module: martlet on an unmodified CPython 3.13.
//!
//! One function's way: `hotness` finds it hot, `snapshot` copies what is known of it, the engine has it compiled,
//! `install` leads its entry to the machine code. `raw` and `clang-helpers/runtime` know the interpreter's
//! structures; nobody else does.

mod beside;
mod budget;
mod calls;
mod compiler;
mod dumps;
mod fork;
mod hotness;
mod inside;
mod inspect;
mod install;
mod lifecycle;
mod made;
mod module;
mod monitoring;
mod notes;
mod options;
mod profile;
mod raw;
mod replies;
mod report;
mod snapshot;
mod state;
mod stats;
mod storms;
mod tables;
mod tools;
