//! A library's bitcode, resident in one context.

use super::bindings::{
    martlet_ir_library_find, martlet_ir_library_import, martlet_ir_library_names,
    martlet_ir_library_open, martlet_ir_library_restore, martlet_ir_library_text,
};
use super::context::RawContext;
use super::module::RawModule;
use super::node::Mark;
use super::text::{c_string, push_name, take_message};
use super::value::Value;
use core::ffi::c_void;
use std::sync::Arc;

/// A lazily read module. It must be dropped before its context.
#[derive(Debug)]
pub(crate) struct Resident {
    module: RawModule,
    /// Dropped after the module, which reads from it.
    _bytes: Arc<[u8]>,
}

impl Resident {
    /// `Err` holds LLVM's reason.
    pub(crate) fn open(name: &str, bytes: Arc<[u8]>, context: &RawContext) -> Result<Self, String> {
        let c_name = c_string(name);
        let mut error = core::ptr::null_mut();
        // SAFETY: the bytes stay where they are as long as `self` has them.
        let raw = unsafe {
            martlet_ir_library_open(
                context.as_ptr(),
                bytes.as_ptr().cast(),
                bytes.len(),
                c_name.as_ptr(),
                &mut error,
            )
        };
        if raw.is_null() {
            // SAFETY: set when nothing is returned, and ours.
            return Err(unsafe { take_message(error) }.unwrap_or_default());
        }
        Ok(Resident {
            module: RawModule::own(raw),
            _bytes: bytes,
        })
    }

    /// The functions it defines and shows, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let data = (&raw mut names).cast::<c_void>();
        // SAFETY: `data` is a vector that outlives the call.
        unsafe { martlet_ir_library_names(self.module.as_ptr(), Some(push_name), data) };
        names
    }

    pub(crate) fn function(&self, name: &str) -> Option<Value<'_>> {
        // SAFETY: the module is alive.
        let raw = unsafe {
            martlet_ir_library_find(self.module.as_ptr(), name.as_ptr().cast(), name.len())
        };
        // SAFETY: found in this module just now.
        (!raw.is_null()).then(|| unsafe { Value::assume_alive(raw) })
    }

    /// The names of the functions that were given a body; `Err` holds the reason.
    pub(crate) fn import(&self, into: &mut RawModule, prefix: &str) -> Result<Vec<String>, String> {
        let prefix = c_string(prefix);
        let mut names = Vec::new();
        let data = (&raw mut names).cast::<c_void>();
        // SAFETY: both modules are alive and of one context; `data` outlives the call.
        let wrong = unsafe {
            martlet_ir_library_import(
                into.as_ptr(),
                self.module.as_ptr(),
                prefix.as_ptr(),
                Some(push_name),
                data,
            )
        };
        // SAFETY: the message is ours.
        unsafe { take_message(wrong) }.map_or(Ok(names), Err)
    }

    /// The canonical text of a function as an import has it; `None` if imports do not bring it.
    pub(crate) fn imported_text(&self, name: &str, prefix: &str, local: bool) -> Option<String> {
        let prefix = c_string(prefix);
        // SAFETY: the module is alive; the message is ours.
        unsafe {
            take_message(martlet_ir_library_text(
                self.module.as_ptr(),
                name.as_ptr().cast(),
                name.len(),
                prefix.as_ptr(),
                local.into(),
            ))
        }
    }

    /// Puts the original body back; `Err` holds the reason.
    pub(crate) fn restore(
        &self,
        into: &mut RawModule,
        prefix: &str,
        function: &Mark,
    ) -> Result<(), String> {
        let Some(value) = Value::of_mark(function, into).map(Value::as_ptr) else {
            return Err("the function is gone".into());
        };
        let prefix = c_string(prefix);
        // SAFETY: the value is a live function of `into`, and both modules are of one context.
        let wrong = unsafe {
            martlet_ir_library_restore(into.as_ptr(), self.module.as_ptr(), prefix.as_ptr(), value)
        };
        // SAFETY: the message is ours.
        unsafe { take_message(wrong) }.map_or(Ok(()), Err)
    }
}
