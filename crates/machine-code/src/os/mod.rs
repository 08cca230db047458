//! What the arena needs of the operating system, as one short list of functions.
//!
//! # How code is written
//!
//! Code pages are *one private mapping, readable and executable, never writable*. Bytes reach them through
//! `/proc/self/mem`, which the kernel lets a process write past page protections, copy on write. The alternative, two
//! views of shared pages, writes a function in 30 ns instead of about 5 us (measured: open 3.4 us, a 256-byte write
//! 1.25 us; a core-serialising membarrier costs 0.55 us). It was not taken, for these reasons:
//!
//! - *Fork.* Shared pages stay shared: a child that publishes would write into its parent's code, and a parent that
//!   frees would trap-fill what the child runs. Curing that needs a handshake between the two processes around every
//!   fork, and `_Fork` or a bare `clone` escapes it. Private pages need nothing: both sides copy on write.
//! - *Hardening.* No page ever changes from writable to executable, so `PR_SET_MDWE` and its relatives are content.
//! - *Profilers.* The pages are anonymous, which is what perf's map file is made for.
//!
//! 5 us is far below what producing the function cost. The file is opened for each batch of writes: a descriptor kept
//! open would refer to the *parent's* memory after a fork, and a program that closes descriptors it does not know would
//! let us write into a file of its own.
//!
//! Patched stubs are different: rewriting an instruction under running threads takes one atomic 8-byte store, which a
//! file write does not promise. They stand in small shared regions with two views. A child does not inherit the
//! writable one (`MADV_DONTFORK`), and puts stubs of its own in the place of the executable one, from private records
//! (see the `fork` module).

use crate::Error;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linux;
mod process;

pub(crate) use process::{FileMapping, monotonic_nanoseconds, thread_id};

/// Memory and barriers. Ranges that are mapped are whole pages.
pub(crate) trait Os: Send + Sync {
    /// Sets `len` bytes of address space aside, inaccessible. Returns its start.
    fn reserve(&self, len: usize) -> Result<usize, Error>;
    /// Gives a reservation back, whatever is mapped in it.
    fn release(&self, start: usize, len: usize);
    /// Backs a part of a reservation with private executable memory of unspecified content.
    fn commit_code(&self, start: usize, len: usize) -> Result<(), Error>;
    /// Backs a part of a reservation with private writable memory, zeroed.
    fn commit_data(&self, start: usize, len: usize) -> Result<(), Error>;
    /// Makes a part of a reservation inaccessible again and gives its memory back.
    fn decommit(&self, start: usize, len: usize) -> Result<(), Error>;
    /// Writes to committed executable memory: every `(address, bytes)` in order.
    fn write_code(&self, writes: &[(usize, &[u8])]) -> Result<(), Error>;
    /// Backs `len` bytes at `start` with shared executable memory, in the place of what is mapped there.
    /// Returns the start of its writable view, which a child does not inherit. On an error the range is inaccessible.
    fn map_stubs(&self, start: usize, len: usize) -> Result<usize, Error>;
    /// Removes a writable view made by [`Os::map_stubs`].
    fn unmap_view(&self, view: usize, len: usize);
    /// Makes every running thread of the process forget instructions it fetched before this call.
    fn sync_core(&self) -> Result<(), Error>;
    /// Whether [`Os::barrier`] works, so that readers may leave their fences out.
    fn has_barrier(&self) -> bool;
    /// A full memory barrier on every running thread of the process.
    fn barrier(&self);
}

/// The system this program runs on.
pub(crate) fn native() -> Result<Box<dyn Os>, Error> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    return Ok(Box::new(linux::Linux::new()));
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    Err(Error::Unsupported("machine code needs Linux on x86-64"))
}
