//! What the running interpreter says of its structures.
//!
//! `SEAL` has sizes and offsets as the helpers were compiled with them, from the headers of one CPython. Another 3.13 may
//! run them: [`check_layout`] tells whether what they look into is where they look for it.

use crate::{LayoutError, LayoutProbe, SEAL};
use std::ffi::{CString, c_char, c_ulong};
use std::ptr::null;

#[expect(
    clashing_extern_declarations,
    reason = "the list of native symbols declares every function without its type"
)]
unsafe extern "C" {
    fn martlet_layout(structure: *const c_char, field: *const c_char) -> i64;
    /// The interpreter's version, as `PY_VERSION_HEX`.
    safe static Py_Version: c_ulong;
}

/// The CPython whose headers the helpers were compiled with.
pub static BUILT_FOR: &str = env!("MARTLET_HELPERS_PYTHON");

/// Why the helpers cannot work in the interpreter of this process.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// It is another version than 3.13, whose structures nobody has looked at.
    #[error("the helpers were built for CPython {BUILT_FOR}, and this is {found}")]
    Version {
        /// The interpreter's version.
        found: String,
    },
    /// One of its structures is another than in the headers.
    #[error(
        "the helpers were built for CPython {BUILT_FOR}, and this interpreter has other structures: {0}"
    )]
    Layout(#[from] LayoutError),
}

/// The interpreter of this process.
#[derive(Debug, Clone, Copy)]
pub struct Running;

impl LayoutProbe for Running {
    fn size(&self, structure: &str) -> Option<u64> {
        let structure = CString::new(structure).ok()?;
        // SAFETY: a text that ends with NUL; the function reads constants of the interpreter.
        let size = unsafe { martlet_layout(structure.as_ptr(), null()) };
        u64::try_from(size).ok()
    }

    fn offset(&self, structure: &str, field: &str) -> Option<u64> {
        let (structure, field) = (CString::new(structure).ok()?, CString::new(field).ok()?);
        // SAFETY: texts that end with NUL; the function reads constants of the interpreter.
        let offset = unsafe { martlet_layout(structure.as_ptr(), field.as_ptr()) };
        u64::try_from(offset).ok()
    }
}

/// Compares the version and the helpers' structures with those of the interpreter of this process; the names of the
/// structures of which it says nothing.
///
/// # Errors
/// Another version, or the first structure that differs.
pub fn check_layout() -> Result<Vec<&'static str>, Unfit> {
    check_version(Py_Version)?;
    Ok(SEAL.check_layout(&Running)?)
}

/// Compares a version, as `PY_VERSION_HEX` has it, with that of the headers; the last of its numbers may be another.
/// Source: patchlevel.h.
fn check_version(version: c_ulong) -> Result<(), Unfit> {
    let [major, minor, micro, level] = (version as u32).to_be_bytes();
    // The high half of the last byte: 0xa, 0xb, 0xc for what comes before the final release.
    if (major, minor) == (3, 13) && level >> 4 == 0xf {
        return Ok(());
    }
    let found = format!("{major}.{minor}.{micro}");
    Err(Unfit::Version { found })
}
