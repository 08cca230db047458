//! A context whose errors are collected.

use super::bindings::{martlet_ir_context_take_errors, martlet_ir_context_watch};
use super::text::take_message;
use inkwell::context::{AsContextRef, Context as InkContext};
use llvm_sys::prelude::LLVMContextRef;

/// An LLVM context, owned, with the shim's diagnostic handler.
#[derive(Debug)]
pub(crate) struct RawContext {
    ink: InkContext,
}

impl RawContext {
    pub(crate) fn new() -> Self {
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
