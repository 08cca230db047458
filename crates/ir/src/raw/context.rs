//! A context whose errors are collected.

use super::bindings::{
    martlet_ir_context_take_errors, martlet_ir_context_watch, martlet_ir_header_version,
};
use super::text::take_message;
use crate::context::check_version;
use inkwell::context::{AsContextRef, Context as InkContext};
use llvm_sys::core::LLVMGetVersion;
use llvm_sys::prelude::LLVMContextRef;
use std::sync::Once;

/// The major version of LLVM that this crate is written for.
pub(crate) const MAJOR: u32 = 22;

/// An LLVM context, owned, with the shim's diagnostic handler.
#[derive(Debug)]
pub(crate) struct RawContext {
    ink: InkContext,
}

impl RawContext {
    /// The first of all compares versions: from there on, C++ objects are shared with the library.
    pub(crate) fn new() -> Self {
        static CHECKED: Once = Once::new();
        CHECKED.call_once(|| {
            if let Err(error) = check_version() {
                panic!("{error}");
            }
        });
        let ink = InkContext::create();
        // SAFETY: the context is new, and no other handler was set.
        unsafe { martlet_ir_context_watch(AsContextRef::as_ctx_ref(&&ink)) };
        RawContext { ink }
    }

    pub(crate) fn ink(&self) -> &InkContext {
        &self.ink
    }

    pub(super) fn as_ptr(&self) -> LLVMContextRef {
        AsContextRef::as_ctx_ref(&&self.ink)
    }

    /// The errors LLVM has reported since the last call.
    pub(crate) fn take_errors(&self) -> Option<String> {
        // SAFETY: the handler was installed in `new`; the message is ours.
        unsafe { take_message(martlet_ir_context_take_errors(self.as_ptr())) }
    }
}

/// The full versions of the headers that the shim was compiled with and of the library that is
/// there now, as major, minor and patch.
pub(crate) fn versions() -> [[u32; 3]; 2] {
    let (mut headers, mut library) = ([0; 3], [0; 3]);
    let [major, minor, patch] = &mut headers;
    // SAFETY: three places to write to.
    unsafe { martlet_ir_header_version(major, minor, patch) };
    let [major, minor, patch] = &mut library;
    // SAFETY: as above.
    unsafe { LLVMGetVersion(major, minor, patch) };
    [headers, library]
}
