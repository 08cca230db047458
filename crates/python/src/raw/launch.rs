//! Running programs as `python` does.

use std::ffi::{CStr, CString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Gil, c};

/// Runs the script that the open file `descriptor` reads from, called `path`, in `__main__`; closes the file. An
/// exception is printed; `SystemExit` ends the process. Answers how the process is to end: 0, 1, or -1 = killed by
/// SIGINT.
///
/// # Errors
/// The descriptor is of no file that can be read.
pub(crate) fn run_file(_gil: Gil<'_>, path: &Path, descriptor: c_int) -> std::io::Result<i32> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a C string.
    let file = unsafe { libc::fdopen(descriptor, c"rb".as_ptr()) };
    if file.is_null() {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: an open file, which the callee closes.
    Ok(unsafe { c::martlet_run_file(file, name.as_ptr()) })
}

/// Calls something likewise.
pub(crate) fn run_call(callable: &Bound<'_, PyAny>, args: &Bound<'_, PyTuple>) -> i32 {
    // SAFETY: live objects.
    unsafe { c::martlet_run_call(callable.as_ptr(), args.as_ptr()) }
}

/// The launcher leaves the stack of frames as it is: its structures are not where they were expected.
pub(crate) fn hide_nothing(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_hide_nothing() };
}

/// Runs a program given as text likewise.
pub(crate) fn run_command(_gil: Gil<'_>, source: &CStr) -> i32 {
    // SAFETY: a C string.
    unsafe { c::martlet_run_command(source.as_ptr()) }
}

/// Runs the program that stands on stdin likewise.
pub(crate) fn run_stdin(_gil: Gil<'_>) -> i32 {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_run_stdin() }
}
