//! The functions that the shared object exports. All of them may be called from any thread, at the same time.

use super::fatal;
use crate::{Compiler, Maintenance};
use martlet_helpers::SEAL;
use martlet_snapshot::interface;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// The one client: the process that this is loaded into.
const ALONE: u64 = 0;
/// The bytes are a reply.
const OK: i32 = 0;
/// There is nothing of that function.
const NOTHING_HELD: i32 = 1;
/// The bytes are not a request of this version.
const MALFORMED: i32 = -1;
/// A bug outside of compiling proper.
const PANICKED: i32 = -2;

/// Which [`interface`] this is, with the helpers that are compiled in: the first thing to ask.
#[unsafe(no_mangle)]
pub extern "C" fn martlet_compiler_abi() -> u64 {
    interface(SEAL.bitcode)
}

/// Makes a compiler. NULL if that fails.
#[unsafe(no_mangle)]
pub extern "C" fn martlet_compiler_new() -> *mut Compiler {
    let made = catch_unwind(|| {
        fatal::install();
        Box::into_raw(Box::new(Compiler::new()))
    });
    made.unwrap_or(ptr::null_mut())
}

/// Compiles the request in `len` bytes at `request`. Answers 0 and a reply of `*out_len` bytes in `*out`, to be given
/// to [`martlet_compiler_buffer_free`]; refusals are replies. Negative, and `*out` NULL: the bytes are not a request
/// of this version (-1); a bug (-2).
///
/// # Safety
/// The compiler lives; `len` bytes at `request` can be read; `out` and `out_len` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_compile(
    compiler: *const Compiler,
    request: *const u8,
    len: usize,
    out: *mut *mut u8,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller's promise.
    let compiler = unsafe { &*compiler };
    // An empty slice must not be made of NULL.
    let request = if len == 0 {
        &[]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(request, len) }
    };
    let (code, bytes) = match catch_unwind(AssertUnwindSafe(|| compiler.compile(ALONE, request))) {
        Ok(Ok(reply)) => (OK, reply),
        Ok(Err(_)) => (MALFORMED, Vec::new()),
        Err(_) => (PANICKED, Vec::new()),
    };
    let (data, length) = match code {
        OK => {
            let bytes = bytes.into_boxed_slice();
            let length = bytes.len();
            (Box::into_raw(bytes).cast::<u8>(), length)
        }
        _ => (ptr::null_mut(), 0),
    };
    // SAFETY: the caller's promise.
    unsafe {
        out.write(data);
        out_len.write(length);
    }
    code
}

/// Frees a reply.
///
/// # Safety
/// Address and length are those that [`martlet_compiler_compile`] gave, and are given back once; or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_buffer_free(bytes: *mut u8, len: usize) {
    if bytes.is_null() {
        return;
    }
    let slice = ptr::slice_from_raw_parts_mut(bytes, len);
    // SAFETY: the caller's promise: this was a boxed slice of that length.
    drop(unsafe { Box::from_raw(slice) });
}

/// Lets the intermediate code of a function go. 0, or 1 if there was none, or -2 (a bug).
///
/// # Safety
/// The compiler lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_release(compiler: *const Compiler, function: u64) -> i32 {
    // SAFETY: the caller's promise.
    let compiler = unsafe { &*compiler };
    match catch_unwind(AssertUnwindSafe(|| compiler.release(ALONE, &[function]))) {
        Ok(true) => OK,
        Ok(false) => NOTHING_HELD,
        Err(_) => PANICKED,
    }
}

/// Runs passes over all that the compiler holds, and writes what they did. 0; -1 if they failed, or -2 (a bug).
///
/// # Safety
/// The compiler lives; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_maintain(
    compiler: *const Compiler,
    out: *mut Maintenance,
) -> i32 {
    // SAFETY: the caller's promise.
    let compiler = unsafe { &*compiler };
    match catch_unwind(AssertUnwindSafe(|| compiler.maintain())) {
        Ok(Ok(maintenance)) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(maintenance) };
            OK
        }
        Ok(Err(_)) => MALFORMED,
        Err(_) => PANICKED,
    }
}

/// How many functions the compiler holds intermediate code of.
///
/// # Safety
/// The compiler lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_live_functions(compiler: *const Compiler) -> u64 {
    // SAFETY: the caller's promise.
    let compiler = unsafe { &*compiler };
    catch_unwind(AssertUnwindSafe(|| compiler.live_functions(ALONE))).unwrap_or(0)
}

/// Ends a compiler. Units that it made live on.
///
/// # Safety
/// The compiler was made by [`martlet_compiler_new`], nobody uses it any more, and it is ended once; or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn martlet_compiler_free(compiler: *mut Compiler) {
    if compiler.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let compiler = unsafe { Box::from_raw(compiler) };
    // A panic must not cross; there is nobody to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(compiler)));
}
