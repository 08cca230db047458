//! Python objects by address: what they are, without running any Python code.

use std::ffi::CStr;

use martlet_snapshot::Seen;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{Borrowed, ffi};

use super::{Gil, c};

/// Address of a live Python object; 0 is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Addr(pub(crate) usize);

/// An attribute of the module `sys`. (To import `sys` would call what the program made of `__import__`.)
pub(crate) fn of_sys<'py>(gil: Gil<'py>, name: &CStr) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a borrowed reference, or NULL without an exception.
    let found =
        unsafe { Bound::from_borrowed_ptr_or_opt(gil, ffi::PySys_GetObject(name.as_ptr())) };
    found.ok_or_else(|| pyo3::exceptions::PyAttributeError::new_err("a lost attribute of sys"))
}

/// What [`describe`] says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    None,
    Bool(bool),
    Ellipsis,
    Int(Option<i64>),
    Float(f64),
    Str,
    Bytes,
    Tuple,
    Code,
    Function,
    Type { name: String, builtin: bool },
    Builtin { module: String, name: String },
    MethodDescriptor { class: String, name: String },
    Other(String),
}

impl Addr {
    pub(crate) const NULL: Addr = Addr(0);

    /// The address of an object that something holds.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Self {
        Addr(object.as_ptr() as usize)
    }

    pub(crate) fn from_ptr(object: *mut ffi::PyObject) -> Self {
        Addr(object as usize)
    }

    pub(crate) fn as_ptr(self) -> *mut ffi::PyObject {
        self.0 as *mut ffi::PyObject
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The object, to work with for as long as the caller knows it to be alive.
    pub(crate) fn object<'py>(self, gil: Gil<'py>) -> Bound<'py, PyAny> {
        assert!(!self.is_null(), "NULL is no object");
        // SAFETY: see the module `raw`: the caller knows the object to be alive.
        unsafe { Borrowed::from_ptr(gil, self.as_ptr()) }.to_owned()
    }
}

fn text(at: *const std::ffi::c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    // SAFETY: names of types and methods are C strings that live as long as what they name.
    unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
}

/// What an object is.
pub(crate) fn describe(gil: Gil<'_>, object: Addr) -> Kind {
    let mut out = c::Description {
        kind: 0,
        integer: 0,
        real: 0.0,
        name: std::ptr::null(),
        module: std::ptr::null_mut(),
        owner: std::ptr::null(),
    };
    // SAFETY: the object is alive.
    unsafe { c::martlet_describe(object.as_ptr(), &mut out) };
    match out.kind {
        0 => Kind::None,
        1 => Kind::Bool(out.integer != 0),
        2 => Kind::Ellipsis,
        3 => Kind::Int(Some(out.integer)),
        4 => Kind::Int(None),
        5 => Kind::Float(out.real),
        6 => Kind::Str,
        7 => Kind::Bytes,
        8 => Kind::Tuple,
        9 => Kind::Code,
        10 => Kind::Function,
        11 | 12 => Kind::Type {
            name: text(out.name),
            builtin: out.kind == 11,
        },
        13 => Kind::Builtin {
            module: str_of(gil, Addr::from_ptr(out.module)).unwrap_or_default(),
            name: text(out.name),
        },
        14 => Kind::MethodDescriptor {
            class: text(out.owner),
            name: text(out.name),
        },
        _ => Kind::Other(text(out.name)),
    }
}

/// The text of a `str`, if it is one and can be had as UTF-8. The object itself does not keep that: its size can be seen.
pub(crate) fn str_of(gil: Gil<'_>, object: Addr) -> Option<String> {
    if object.is_null() {
        return None;
    }
    let object = object.object(gil);
    let text = object.cast::<PyString>().ok()?.encode_utf8().ok()?;
    String::from_utf8(text.as_bytes().to_vec()).ok()
}

/// The class of a value, NULL included.
pub(crate) fn seen(object: Addr) -> Seen {
    // SAFETY: the object is alive or NULL.
    seen_of(unsafe { c::martlet_seen(object.as_ptr()) })
}

/// What `martlet_seen` answers.
pub(crate) fn seen_of(number: u32) -> Seen {
    match number {
        0 => Seen::Nothing,
        1 => Seen::None,
        2 => Seen::Bool,
        3 => Seen::Int,
        4 => Seen::BigInt,
        5 => Seen::Float,
        6 => Seen::Str,
        7 => Seen::List,
        8 => Seen::Tuple,
        9 => Seen::Dict,
        10 => Seen::RangeIter,
        11 => Seen::ListIter,
        12 => Seen::TupleIter,
        13 => Seen::Enumerate,
        15 => Seen::Bytes,
        16 => Seen::Bytearray,
        17 => Seen::Number,
        18 => Seen::Class,
        19 => Seen::Function,
        20 => Seen::Method,
        code @ 0x100..0x200 => Seen::Array(code as u8),
        _ => Seen::Other,
    }
}

/// Whether a constant of a code object consists of leaves alone.
pub(crate) fn is_plain_constant(object: Addr) -> bool {
    // SAFETY: the object is alive.
    unsafe { c::martlet_is_plain_constant(object.as_ptr()) }
}

/// Whether holding the object can keep nothing else alive.
pub(crate) fn is_leaf(object: Addr) -> bool {
    // SAFETY: the object is alive.
    unsafe { c::martlet_is_leaf(object.as_ptr()) }
}
