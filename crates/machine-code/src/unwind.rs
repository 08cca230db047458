//! Unwind tables: by them exceptions and panics pass through generated code.
//!
//! Each unit's table is registered by itself, with the unwinder that the compiler's runtime library brings
//! (`__register_frame`, libgcc's unwind-dw2-fde.c): that reads a table once and never looks at it again, so one that
//! grows with the arena would not do.

use crate::Error;

/// A registered table. Dropping it withdraws it, which must happen before its bytes change.
pub(crate) struct Frames {
    #[cfg_attr(
        not(all(target_os = "linux", target_env = "gnu")),
        expect(dead_code, reason = "there is nothing to withdraw it from")
    )]
    start: usize,
}

/// Whether tables can be registered here.
pub(crate) fn check() -> Result<(), Error> {
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        Ok(())
    } else {
        Err(Error::Unsupported("unwind tables need libgcc's unwinder"))
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    fn __register_frame(begin: *const u8);
    fn __deregister_frame(begin: *const u8);
}

impl Frames {
    /// # Safety
    /// At `start` begins the content of an `.eh_frame` section, relocated and ended by a word of zeroes, which is
    /// readable and unchanged as long as the result lives.
    pub(crate) unsafe fn register(start: usize) -> Self {
        // SAFETY: the caller's promise.
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        unsafe {
            __register_frame(std::ptr::with_exposed_provenance(start));
        }
        Self { start }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl Drop for Frames {
    fn drop(&mut self) {
        // SAFETY: it was registered, and this is the only time that it is withdrawn.
        unsafe { __deregister_frame(std::ptr::with_exposed_provenance(self.start)) }
    }
}
