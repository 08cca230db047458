#![doc = include_str!("../README.md")]

mod backoff;
mod client;
mod error;
mod raw;
mod server;
mod wire;

pub use client::{Beginning, Sidecar, Spec, is_possible};
pub use error::Error;
pub use server::{Service, answer_at_once, serve};
