//! What the C side calls. A panic must not cross into C: it is printed, and the interpreter goes on.
//!
//! Neither does an exception: none of the hooks can raise one, and the interpreter may be raising one of its own. Nor does
//! errno: C code that calls back into Python may look at it behind the call.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::ffi::{self, PyObject};

use super::{Addr, Gil, c, functions, objects};
use crate::{calls, hotness, lifecycle, monitoring, notes, storms, tools};

/// The functions below, for the C side.
pub(crate) fn table() -> c::Hooks {
    c::Hooks {
        first_call,
        function_died,
        code_died,
        tools: tools_hook,
        function_made,
        loop_seen,
        exits_often,
        class_seen,
        operand_seen,
        sample,
    }
}

/// Runs `f` with the GIL, which the C side holds.
fn with_gil(f: impl FnOnce(Gil<'_>)) {
    // SAFETY: every hook is called with the GIL held.
    let gil = unsafe { Gil::assume_attached() };
    // SAFETY: a new reference or NULL.
    let raised = unsafe { ffi::PyErr_GetRaisedException() };
    // SAFETY: the address of this thread's own number.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the same.
    let before = unsafe { *errno };
    let _ = catch_unwind(AssertUnwindSafe(|| f(gil)));
    // SAFETY: the reference is handed over; NULL clears what a panic may have left.
    unsafe { ffi::PyErr_SetRaisedException(raised) };
    // SAFETY: the same.
    unsafe { *errno = before };
}

unsafe extern "C" fn first_call(func: *mut PyObject, args: *const *mut PyObject, n_args: isize) {
    with_gil(|gil| {
        let args = (0..n_args.max(0) as usize)
            // SAFETY: so many arguments are there, each a live object.
            .map(|i| objects::seen(Addr::from_ptr(unsafe { *args.add(i) })))
            .collect();
        calls::called(gil, Addr::from_ptr(func), args);
    });
}

unsafe extern "C" fn function_died(func: *mut PyObject) {
    with_gil(|gil| lifecycle::died(gil, Addr::from_ptr(func)));
}

unsafe extern "C" fn code_died(record: *mut c::Record) {
    // SAFETY: the record is alive until `lifecycle` drops it.
    let code = Addr::from_ptr(unsafe { (*record).code });
    with_gil(|gil| lifecycle::code_died(gil, code));
}

unsafe extern "C" fn tools_hook() {
    with_gil(tools::arrived);
}

unsafe extern "C" fn sample(_arg: *mut c_void) -> c_int {
    with_gil(hotness::sampled);
    0
}

unsafe extern "C" fn function_made(func: *mut PyObject) {
    with_gil(|gil| monitoring::hear(gil, functions::code_of(gil, Addr::from_ptr(func))));
}

unsafe extern "C" fn loop_seen(code: *mut PyObject, header: u32) {
    with_gil(|gil| calls::loop_seen(gil, Addr::from_ptr(code), header));
}

unsafe extern "C" fn class_seen(
    code: *mut PyObject,
    offset: u32,
    type_version: u32,
    has_dict: bool,
) {
    with_gil(|gil| {
        storms::class_seen(gil, Addr::from_ptr(code), offset, type_version, has_dict);
    });
}

unsafe extern "C" fn operand_seen(code: *mut PyObject, offset: u32, operand: u32, word: u64) {
    with_gil(|gil| notes::operand_seen(gil, Addr::from_ptr(code), offset, operand, word));
}

unsafe extern "C" fn exits_often(unit: *mut c::Unit, index: u32) {
    with_gil(|gil| storms::exits_often(gil, unit as u64, index as usize));
}
