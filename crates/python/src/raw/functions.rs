//! Entries of Python functions, the watcher, and the switches of the C side.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

use super::{Addr, Gil, c, hooks};

/// Sets the C side up. Once, before anything else of this crate is used.
pub(crate) fn initialise(gil: Gil<'_>) -> PyResult<()> {
    let fresh = gil.eval(c"lambda: None", Some(&PyDict::new(gil)), None)?;
    // SAFETY: nothing reads the hooks before they are here; `fresh` is a Python function that was just made.
    let failed = unsafe {
        c::martlet_hooks = hooks::table();
        if c::martlet_init() < 0 {
            return Err(PyErr::fetch(gil));
        }
        c::martlet_learn_vectorcall(fresh.as_ptr());
        c::martlet_learn_generators();
        c::martlet_request_extra() < 0 || c::martlet_watch_functions() < 0
    };
    if failed {
        return Err(PyErr::fetch(gil));
    }
    Ok(())
}

/// Whether compiled code is entered, and whether functions are compiled at their first call.
pub(crate) fn switch(_gil: Gil<'_>, enabled: bool, always: bool) {
    // SAFETY: the bytes are read under the GIL, which is held.
    unsafe {
        c::martlet_enabled = u8::from(enabled);
        c::martlet_always = u8::from(always);
    }
    if !enabled {
        // SAFETY: the GIL is held.
        unsafe { c::martlet_leave_generators() };
    }
}

/// Whether every loop is asked for at its first back edge.
pub(crate) fn enter_all_loops(_gil: Gil<'_>, all: bool) {
    // SAFETY: the byte is read under the GIL, which is held.
    unsafe { c::martlet_all_loops = u8::from(all) };
}

/// From now on generators, coroutines and asynchronous generators are resumed by us, which costs those something that have
/// no machine code: not before some have.
pub(crate) fn enter_generators(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_enter_generators() };
}

/// Gives the entry to every function whose code wants it, after taking the version from the code.
pub(crate) fn enter_functions(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_enter_functions() };
}

/// Gives entries again that were taken back while the C stack was low, once it is not.
pub(crate) fn resume_functions(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe {
        if c::martlet_may_resume() {
            c::martlet_enter_functions();
        }
    }
}

/// Takes the entry from every function whose code does not want it.
pub(crate) fn leave_functions(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_leave_functions() };
}

/// Gives the entry to one function.
pub(crate) fn enter_function(_gil: Gil<'_>, func: Addr) {
    // SAFETY: a live Python function.
    unsafe { c::martlet_enter_function(func.as_ptr()) };
}

/// Takes the version from a code object, so that no call site inlines the interpreter past the entry.
pub(crate) fn forget_version(_gil: Gil<'_>, code: Addr) {
    // SAFETY: a live code object.
    unsafe { c::martlet_forget_version(code.as_ptr()) };
}

/// Gives a code object its version back.
pub(crate) fn restore_version(_gil: Gil<'_>, code: Addr, version: u32) {
    // SAFETY: a live code object.
    unsafe { c::martlet_restore_version(code.as_ptr(), version) };
}

/// Listens for tools from now on; it cannot be undone.
pub(crate) fn hear_of_tools(gil: Gil<'_>) -> PyResult<()> {
    // SAFETY: the GIL is held.
    if unsafe { c::martlet_hear_of_tools() } < 0 {
        return Err(PyErr::fetch(gil));
    }
    Ok(())
}

/// The callback of JUMP events.
pub(crate) fn jump_callback(gil: Gil<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(gil, c::martlet_make_jump_callback()) }
}

/// The code of a live Python function.
pub(crate) fn code_of(_gil: Gil<'_>, func: Addr) -> Addr {
    // SAFETY: a live Python function.
    Addr::from_ptr(unsafe { ffi::PyFunction_GetCode(func.as_ptr()) })
}

/// The number of default values of a live Python function.
pub(crate) fn n_defaults(gil: Gil<'_>, func: Addr) -> u32 {
    // SAFETY: a live Python function; what it answers is borrowed.
    let defaults = Addr::from_ptr(unsafe { ffi::PyFunction_GetDefaults(func.as_ptr()) });
    if defaults == Addr::NULL {
        return 0;
    }
    let defaults = defaults.object(gil);
    defaults.len().unwrap_or(0) as u32
}

/// The globals of a live Python function.
pub(crate) fn globals_of(_gil: Gil<'_>, func: Addr) -> Addr {
    // SAFETY: a live Python function.
    Addr::from_ptr(unsafe { ffi::PyFunction_GetGlobals(func.as_ptr()) })
}

/// The builtins of a live Python function.
pub(crate) fn builtins_of(gil: Gil<'_>, func: Addr) -> Addr {
    // The function holds them, so the address stays good.
    func.object(gil)
        .getattr("__builtins__")
        .map_or(Addr::NULL, |it| Addr::of(&it))
}

/// A weak reference to `object` that calls `died` with its address when it goes. The program does not see it among the
/// objects that the collector knows.
pub(crate) fn watch_by_weakref(
    gil: Gil<'_>,
    object: Addr,
    died: fn(Gil<'_>, Addr),
) -> PyResult<Py<PyAny>> {
    let callback = PyCFunction::new_closure(gil, None, None, move |args, _| {
        died(args.py(), object);
    })?;
    // SAFETY: a live object; a new reference or an error.
    let weak = unsafe {
        Bound::from_owned_ptr_or_err(
            gil,
            ffi::PyWeakref_NewRef(object.as_ptr(), callback.as_ptr()),
        )?
    };
    // SAFETY: two live objects that the collector knows, just made.
    unsafe {
        c::martlet_put_by(callback.as_ptr());
        c::martlet_put_by(weak.as_ptr());
    }
    Ok(weak.unbind())
}
