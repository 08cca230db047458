//! What the running interpreter says of its structures.
//!
//! `SEAL` has sizes and offsets as the helpers were compiled with them, from the headers of one CPython. Another 3.13 may
//! run them: [`check_layout`] tells whether what they look into is where they look for it.

use crate::{LayoutError, LayoutProbe, SEAL};
use std::ffi::{CString, c_char};
use std::ptr::null;

#[expect(
    clashing_extern_declarations,
    reason = "the list of native symbols declares every function without its type"
)]
unsafe extern "C" {
    fn martlet_layout(structure: *const c_char, field: *const c_char) -> i64;
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

/// Compares the helpers' structures with those of the interpreter of this process; the names of those of which it says
/// nothing.
///
/// # Errors
/// The first difference.
pub fn check_layout() -> Result<Vec<&'static str>, LayoutError> {
    SEAL.check_layout(&Running)
}
