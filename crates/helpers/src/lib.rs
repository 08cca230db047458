//! The C helpers of Martlet, built from `clang-helpers/` for one CPython.
//!
//! The compiler uses the default face: [`BITCODE`] to import bodies from, and [`HELPERS`], which says what there is.
//! The extension uses the feature `native`: it links the native twins and the runtime, and `native_symbols()` gives
//! the addresses that compiled code is linked against. Both faces come from one build with one set of flags, so a
//! helper means the same inlined and called.

#[allow(
    unreachable_pub,
    clippy::all,
    reason = "generated; in a build without `native` parts of it are not there"
)]
mod generated {
    include!(env!("MARTLET_HELPERS_LOADER"));
}

#[cfg(feature = "native")]
mod running;

pub use generated::*;
#[cfg(feature = "native")]
pub use running::{BUILT_FOR, Running, Unfit, check_layout};

/// The helper with this C name.
pub fn find(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|helper| helper.name == name)
}
