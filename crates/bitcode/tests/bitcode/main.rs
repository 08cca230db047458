//! Builds of C files, good and bad: one program, so that it links once.

mod build;
mod declared;
mod failures;
mod support;
