//! Strings across the C border.

use core::ffi::{CStr, c_char, c_void};
use llvm_sys::core::LLVMDisposeMessage;
use std::ffi::CString;

/// Takes over a message of LLVM's; `None` for a null pointer.
///
/// # Safety
/// `message` is null or was made by LLVMCreateMessage, and is not used afterwards.
pub(super) unsafe fn take_message(message: *mut c_char) -> Option<String> {
    if message.is_null() {
        return None;
    }
    // SAFETY: a message is a C string, by the caller's promise.
    let text = unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: it is ours to free, once.
    unsafe { LLVMDisposeMessage(message) };
    Some(text)
}

/// A C string; what follows a zero byte is cut off, as it would be in C.
pub(super) fn c_string(text: &str) -> CString {
    let cut = text.split('\0').next().unwrap_or_default();
    CString::new(cut).unwrap_or_default()
}

/// A name that LLVM lends for a moment.
///
/// # Safety
/// `length` bytes at `name` are readable.
pub(super) unsafe fn owned(name: *const c_char, length: usize) -> String {
    if name.is_null() || length == 0 {
        return String::new();
    }
    // SAFETY: by the caller's promise.
    let bytes = unsafe { core::slice::from_raw_parts(name.cast::<u8>(), length) };
    String::from_utf8_lossy(bytes).into_owned()
}

/// A `Named` callback that pushes onto the `Vec<String>` behind `data`.
pub(super) unsafe extern "C" fn push_name(data: *mut c_void, name: *const c_char, length: usize) {
    // SAFETY: every caller in this folder passes a `Vec<String>` that outlives the call.
    let names = unsafe { &mut *data.cast::<Vec<String>>() };
    // SAFETY: the shim lends a name of this length.
    names.push(unsafe { owned(name, length) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_copied() {
        let lent = b"a name that goes on".map(|byte| byte as c_char);
        // SAFETY: six bytes of it are readable, and none where there is no name.
        let names = unsafe { [owned(lent.as_ptr(), 6), owned(core::ptr::null(), 3)] };
        assert_eq!(names, ["a name", ""]);
        let mut pushed = Vec::<String>::new();
        for length in [1, 6] {
            // SAFETY: as above; the vector outlives the call.
            unsafe { push_name((&raw mut pushed).cast(), lent.as_ptr(), length) };
        }
        assert_eq!(pushed, ["a", "a name"]);
    }

    #[test]
    fn a_zero_byte_ends_a_c_string() {
        assert_eq!(c_string("f").as_c_str(), c"f");
        assert_eq!(c_string("f\0g").as_c_str(), c"f");
        assert_eq!(c_string("").as_c_str(), c"");
    }
}
