#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "bindgen")]
mod bindings;
mod build;
mod clang;
mod command;
mod database;
mod declared;
mod depfile;
mod error;
mod irtext;
mod layout;
mod loader;
mod seal;
mod source;
mod typed;

pub use build::{Build, Built};
pub use clang::Clang;
pub use error::Error;
pub use irtext::{External, ExternalKind};
pub use layout::{Field, Layout};
pub use seal::{FileSeal, Seal};
pub use source::Helper;
