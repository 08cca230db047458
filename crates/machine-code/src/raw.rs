//! Access to the arena's writable memory by address: the place where numbers become pointers.

use std::ptr;
use std::sync::atomic::AtomicU64;

/// The 8-byte word at `address`.
///
/// # Safety
/// `address` is a multiple of 8 in committed writable memory of an arena, which stays so for `'a`, and is accessed
/// as an atomic word (or by generated code) only.
#[inline]
pub(crate) unsafe fn word<'a>(address: usize) -> &'a AtomicU64 {
    debug_assert_eq!(address % 8, 0, "word at {address:#x}");
    // SAFETY: the caller's promise; the arena exposed the provenance of its mappings.
    unsafe { AtomicU64::from_ptr(ptr::with_exposed_provenance_mut(address)) }
}

/// `len` 8-byte words from `address` on.
///
/// # Safety
/// As for [`word`], for each of them.
pub(crate) unsafe fn words<'a>(address: usize, len: usize) -> &'a [AtomicU64] {
    debug_assert_eq!(address % 8, 0, "words at {address:#x}");
    // SAFETY: the caller's promise; `AtomicU64` has the layout of the word.
    unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance(address), len) }
}

/// Copies `bytes` to `address`.
///
/// # Safety
/// The range is committed writable memory of an arena to which nobody else has access yet.
pub(crate) unsafe fn copy(address: usize, bytes: &[u8]) {
    let target = ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the caller's promise.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
}
