#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod emitter;
mod emitters;
mod error;
mod library;
#[expect(unsafe_code, reason = "what LLVM's types say of threads")]
mod raw;
mod tier;

pub use emitter::{Compiled, Emitter, Target};
pub use error::Error;
pub use library::{Library, Translated};
pub use tier::{OptLevel, Tier};
