#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod emitter;
mod error;
#[expect(unsafe_code, reason = "what LLVM's types say of threads")]
mod raw;
mod tier;

pub use emitter::{Compiled, Emitter, Target};
pub use error::Error;
pub use tier::{OptLevel, Tier};
