#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod build;
mod clang;
mod command;
mod depfile;
mod error;
mod irtext;
mod loader;
mod seal;
mod source;

pub use build::{Build, Built};
pub use clang::Clang;
pub use error::Error;
pub use irtext::{External, ExternalKind};
pub use seal::{FileSeal, Seal};
pub use source::Helper;
