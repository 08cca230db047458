#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod emitter;
mod error;
mod tier;

pub use emitter::{Compiled, Emitter, Target};
pub use error::Error;
pub use tier::{OptLevel, Tier};
