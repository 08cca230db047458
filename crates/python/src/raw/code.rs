//! Code objects: their fields, their feedback.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use pyo3::prelude::*;

use super::{Addr, Gil, c};

/// `CO_OPTIMIZED | CO_NEWLOCALS`.
const FUNCTION_FLAGS: u32 = 0x1 | 0x2;
/// `CO_VARARGS | CO_VARKEYWORDS`.
const VARIADIC_FLAGS: u32 = 0x4 | 0x8;
/// `CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE`.
const RESUMABLE_FLAGS: u32 = 0x20 | 0x80 | 0x100 | 0x200;

/// `EXTENDED_ARG`, `LOAD_ATTR` and `LOAD_GLOBAL` of 3.13 (`opcode_ids.h`).
const EXTENDED_ARG: u8 = 71;
const LOAD_ATTR: u8 = 82;
const LOAD_GLOBAL: u8 = 91;
/// Units from `LOAD_ATTR` to the descriptor in its cache (`_PyLoadMethodCache` of `pycore_code.h`).
const LOAD_ATTR_DESCR: usize = 6;

/// A live code object, looked at under the GIL.
pub(crate) struct Code {
    view: c::CodeView,
    addr: Addr,
}

/// Feedback of one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SiteKind {
    GlobalModule,
    GlobalBuiltin,
    Descriptor,
    Callee,
}

impl Code {
    /// Looks at a code object, which must be one.
    pub(crate) fn new(_gil: Gil<'_>, addr: Addr) -> Self {
        let mut view = MaybeUninit::uninit();
        // SAFETY: a live code object; the function fills every field.
        let view = unsafe {
            c::martlet_view_code(addr.as_ptr(), view.as_mut_ptr());
            view.assume_init()
        };
        Code { view, addr }
    }

    pub(crate) fn addr(&self) -> Addr {
        self.addr
    }

    /// The plain numbers of the code object.
    pub(crate) fn view(&self) -> &c::CodeView {
        &self.view
    }

    /// Whether it is the code of a function (not a module's or a class's), a generator's and a coroutine's included.
    pub(crate) fn is_function(&self) -> bool {
        self.view.flags & FUNCTION_FLAGS == FUNCTION_FLAGS
    }

    /// Whether it is a generator's or a coroutine's: it is entered where these go on.
    pub(crate) fn is_resumable(&self) -> bool {
        self.view.flags & RESUMABLE_FLAGS != 0
    }

    /// Whether it is a generator expression's.
    pub(crate) fn is_expression(&self, gil: Gil<'_>) -> bool {
        let name = super::objects::str_of(gil, Addr::from_ptr(self.view.name));
        self.is_resumable() && name.is_some_and(|it| it == "<genexpr>")
    }

    /// Whether a call with exactly its positional arguments needs nothing but storing them.
    pub(crate) fn is_simple(&self) -> bool {
        self.is_function()
            && !self.is_resumable()
            && self.view.flags & VARIADIC_FLAGS == 0
            && self.view.kw_only == 0
    }

    pub(crate) fn qualname(&self, gil: Gil<'_>) -> String {
        super::objects::str_of(gil, Addr::from_ptr(self.view.qualname)).unwrap_or_default()
    }

    /// `co_code`: base opcodes, caches zero.
    pub(crate) fn base(&self, gil: Gil<'_>) -> PyResult<Vec<u8>> {
        // SAFETY: a live code object; the result is a new bytes object or an error.
        let bytes =
            unsafe { Bound::from_owned_ptr_or_err(gil, c::PyCode_GetCode(self.addr.as_ptr()))? };
        Ok(bytes.extract::<&[u8]>()?.to_vec())
    }

    /// `co_code_adaptive` as it stands, but for instrumented opcodes, which are what they stand for, and for globals,
    /// which are looked up now. `base` is the result of [`Code::base`].
    pub(crate) fn adaptive(&self, base: &[u8], (globals, builtins): (Addr, Addr)) -> Vec<u16> {
        // SAFETY: the instructions of a live code object, which do not change while the GIL is held.
        let mut units = unsafe {
            std::slice::from_raw_parts(self.view.adaptive.cast::<u16>(), self.view.n_units as usize)
        }
        .to_vec();
        // SAFETY: no condition.
        let first_instrumented = unsafe { c::martlet_first_instrumented_opcode() };
        for (at, oparg) in instructions_with_args(base) {
            if u32::from(units[at] & 0xff) >= first_instrumented {
                units[at] = units[at] & 0xff00 | u16::from(base[2 * at]);
            }
            if base[2 * at] == LOAD_GLOBAL {
                // SAFETY: a copy of an instruction with its cache; the dictionaries are alive or NULL.
                unsafe {
                    c::martlet_specialise_global(
                        self.addr.as_ptr(),
                        units[at..].as_mut_ptr(),
                        oparg,
                        globals.as_ptr(),
                        builtins.as_ptr(),
                    );
                }
            }
        }
        units
    }

    /// Takes the addresses out of what [`Code::adaptive`] made: [`Code::site`] has told what they are of, and nothing that
    /// leaves the process names one.
    pub(crate) fn without_addresses(mut units: Vec<u16>, base: &[u8]) -> Vec<u16> {
        for (at, _) in instructions_with_args(base) {
            if base[2 * at] == LOAD_ATTR {
                units[at + LOAD_ATTR_DESCR..][..4].fill(0);
            }
        }
        units
    }

    /// What an instruction has learned: a borrowed object that is alive now. `units` begins with the instruction, in
    /// the copy that [`Code::adaptive`] made.
    pub(crate) fn site(
        &self,
        units: &[u16],
        oparg: u32,
        (globals, builtins): (Addr, Addr),
    ) -> Option<(SiteKind, Addr)> {
        let mut kind = 0;
        // SAFETY: a copy of an instruction with its cache; the dictionaries are alive or NULL.
        let object = unsafe {
            c::martlet_site(
                self.addr.as_ptr(),
                units.as_ptr(),
                oparg,
                globals.as_ptr(),
                builtins.as_ptr(),
                &mut kind,
            )
        };
        let kind = match kind {
            1 => SiteKind::GlobalModule,
            2 => SiteKind::GlobalBuiltin,
            3 => SiteKind::Descriptor,
            4 => SiteKind::Callee,
            _ => return None,
        };
        Some((kind, Addr::from_ptr(object)))
    }
}

/// Where objects of a class have an attribute (`enum martlet_place`).
pub(crate) enum Place {
    /// Among what an object has of its own, if at all.
    Own,
    /// At this index of their inline values.
    InstanceValue(u32),
    /// So many bytes into them.
    Slot(u32),
    /// In the class: a method, called with the object first. The version is that of the shared keys that do not have the
    /// name; 0 where objects have no dictionary.
    Method(u32, Addr),
    /// In the class: a value as it is.
    ClassValue(u32, Addr),
}

/// Where objects of the live class with this version have the attribute `name`, to read or to store it, if that can be
/// named.
pub(crate) fn place_of(
    _gil: Gil<'_>,
    type_version: u32,
    name: Addr,
    stored: bool,
) -> Option<Place> {
    let (mut detail, mut object) = (0, std::ptr::null_mut());
    // SAFETY: a live string; both places are written.
    let kind = unsafe {
        c::martlet_place_of(
            type_version,
            name.as_ptr(),
            stored,
            &mut detail,
            &mut object,
        )
    };
    match kind {
        1 => Some(Place::InstanceValue(detail)),
        2 => Some(Place::Slot(detail)),
        3 => Some(Place::Method(detail, Addr::from_ptr(object))),
        4 => Some(Place::ClassValue(detail, Addr::from_ptr(object))),
        5 => Some(Place::Own),
        _ => None,
    }
}

/// The Python function that the live class with this version has under a name as a class method, or as a static method.
pub(crate) fn wrapped_function(
    _gil: Gil<'_>,
    type_version: u32,
    name: Addr,
) -> Option<(Addr, bool)> {
    let mut is_static = false;
    // SAFETY: a live string; the place is written.
    let function =
        unsafe { c::martlet_wrapped_function(type_version, name.as_ptr(), &mut is_static) };
    (!function.is_null()).then(|| (Addr::from_ptr(function), is_static))
}

/// The Python function that the live class with this version has for a special method.
pub(crate) fn special_method(_gil: Gil<'_>, type_version: u32, name: &CStr) -> Option<Addr> {
    // SAFETY: a C string.
    let function = unsafe { c::martlet_special_method(type_version, name.as_ptr()) };
    (!function.is_null()).then(|| Addr::from_ptr(function))
}

/// The Python function that is called first for `BINARY_OP`'s operator with this argument, on objects of the live classes
/// with these versions; 0 is an exact number or None.
pub(crate) fn operator_method(_gil: Gil<'_>, left: u32, right: u32, number: u32) -> Option<Addr> {
    // SAFETY: numbers alone.
    let function = unsafe { c::martlet_operator_method(left, right, number) };
    (!function.is_null()).then(|| Addr::from_ptr(function))
}

/// The code-unit offsets of all instructions in base code, each with its argument, EXTENDED_ARGs applied.
pub(crate) fn instructions_with_args(base: &[u8]) -> impl Iterator<Item = (usize, u32)> + '_ {
    let mut extended = 0;
    instructions(base).map(move |at| {
        let oparg = extended << 8 | u32::from(base[2 * at + 1]);
        extended = if base[2 * at] == EXTENDED_ARG {
            oparg
        } else {
            0
        };
        (at, oparg)
    })
}

/// The code-unit offsets of all instructions in base code (EXTENDED_ARGs are instructions of their own).
fn instructions(base: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let this = at;
        let opcode = *base.get(2 * this)?;
        // SAFETY: no condition.
        at += 1 + unsafe { c::martlet_opcode_caches(opcode) } as usize;
        Some(this)
    })
}

/// To be called first in every snapshot: classes may have come and gone since the last one.
pub(crate) fn begin_snapshot(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_begin_snapshot() };
}
