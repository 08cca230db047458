//! An owned LLVM module.

use super::bindings::{
    martlet_ir_bitcode, martlet_ir_copy, martlet_ir_count_instructions, martlet_ir_current_pass,
    martlet_ir_erase, martlet_ir_extract, martlet_ir_forget_dropped, martlet_ir_give_body,
    martlet_ir_guard, martlet_ir_inlining, martlet_ir_observer, martlet_ir_run_passes,
    martlet_ir_take_body, martlet_ir_unguard,
};
use super::context::RawContext;
use super::node::Mark;
use super::text::{c_string, owned, take_message};
use super::value::Value;
use super::watch::Watch;
use crate::operation::Operation;
use core::ffi::{CStr, c_char, c_void};
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering};
use inkwell::module::Module as InkModule;
use inkwell::targets::TargetMachine;
use llvm_sys::LLVMLinkage;
use llvm_sys::analysis::{LLVMVerifierFailureAction, LLVMVerifyModule};
use llvm_sys::bit_reader::LLVMParseBitcodeInContext2;
use llvm_sys::core::{
    LLVMCloneModule, LLVMCreateMemoryBufferWithMemoryRange,
    LLVMCreateMemoryBufferWithMemoryRangeCopy, LLVMDisposeMemoryBuffer, LLVMDisposeModule,
    LLVMGetDataLayoutStr, LLVMGetFirstFunction, LLVMGetFirstGlobal, LLVMGetFirstGlobalAlias,
    LLVMGetFirstGlobalIFunc, LLVMGetFirstNamedMetadata, LLVMGetLinkage, LLVMGetModuleIdentifier,
    LLVMGetModuleInlineAsm, LLVMGetNamedFunction, LLVMGetNamedGlobal, LLVMGetNextFunction,
    LLVMGetNextGlobal, LLVMGetTarget, LLVMModuleCreateWithNameInContext, LLVMPrintModuleToString,
    LLVMReplaceAllUsesWith, LLVMSetValueName2,
};
use llvm_sys::ir_reader::LLVMParseIRInContext2;
use llvm_sys::linker::LLVMLinkModules2;
use llvm_sys::prelude::{LLVMModuleRef, LLVMValueRef};
use std::sync::Arc;

pub(crate) use super::bindings::martlet_ir_inlining as Inlining;

/// What is looked for while a pipeline runs.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// The call sites of tagged functions that were inlined, if wanted.
    pub(crate) inlinings: Option<Vec<Inlining>>,
    pub(crate) watch: Option<Watch>,
}

/// An LLVM module, disposed of on drop. Its context outlives it: whoever holds both sees to that.
#[derive(Debug)]
pub(crate) struct RawModule {
    raw: LLVMModuleRef,
    id: u64,
}

// SAFETY: a module, its context and its nodes are held together and move together.
unsafe impl Send for RawModule {}

/// What is cloned out of a module.
#[derive(Debug)]
pub(crate) struct ExtractRequest<'m> {
    pub(crate) name: String,
    pub(crate) function: Value<'m>,
    pub(crate) brought: Vec<(Value<'m>, u64)>,
}

impl RawModule {
    pub(crate) fn new(name: &str, context: &RawContext) -> Self {
        let name = c_string(name);
        // SAFETY: the context is alive.
        Self::own(unsafe { LLVMModuleCreateWithNameInContext(name.as_ptr(), context.as_ptr()) })
    }

    pub(super) fn own(raw: LLVMModuleRef) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only uniqueness counts.
        RawModule {
            raw,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(super) fn as_ptr(&self) -> LLVMModuleRef {
        self.raw
    }

    /// Unique in the process, never used again.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// inkwell's view of the module. It does not own: dropping it disposes of nothing.
    pub(crate) fn ink<'m>(&'m self) -> ManuallyDrop<InkModule<'m>> {
        // SAFETY: the module is alive for 'm, and never disposed of through the view.
        ManuallyDrop::new(unsafe { InkModule::new(self.raw) })
    }

    pub(crate) fn name(&self) -> String {
        let mut length = 0;
        // SAFETY: the module is alive; the name is copied at once.
        unsafe { owned(LLVMGetModuleIdentifier(self.raw, &mut length), length) }
    }

    pub(crate) fn functions(&self) -> Vec<Value<'_>> {
        let mut functions = Vec::new();
        // SAFETY: the module is alive; the list is only read.
        unsafe {
            let mut next = LLVMGetFirstFunction(self.raw);
            while !next.is_null() {
                functions.push(Value::assume_alive(next));
                next = LLVMGetNextFunction(next);
            }
        }
        functions
    }

    /// Every variable, in order.
    pub(crate) fn variables(&self) -> Vec<Value<'_>> {
        let mut variables = Vec::new();
        // SAFETY: the module is alive; the list is only read.
        unsafe {
            let mut next = LLVMGetFirstGlobal(self.raw);
            while !next.is_null() {
                variables.push(Value::assume_alive(next));
                next = LLVMGetNextGlobal(next);
            }
        }
        variables
    }

    pub(crate) fn count_instructions(&self) -> u64 {
        // SAFETY: the module is alive.
        unsafe { martlet_ir_count_instructions(self.raw) }
    }

    pub(crate) fn function(&self, name: &str) -> Option<Value<'_>> {
        let name = c_string(name);
        // SAFETY: the module is alive.
        let raw = unsafe { LLVMGetNamedFunction(self.raw, name.as_ptr()) };
        // SAFETY: found in this module just now.
        (!raw.is_null()).then(|| unsafe { Value::assume_alive(raw) })
    }

    /// A function or variable.
    pub(crate) fn global(&self, name: &str) -> Option<Value<'_>> {
        let c_name = c_string(name);
        self.function(name).or_else(|| {
            // SAFETY: the module is alive.
            let raw = unsafe { LLVMGetNamedGlobal(self.raw, c_name.as_ptr()) };
            // SAFETY: found in this module just now.
            (!raw.is_null()).then(|| unsafe { Value::assume_alive(raw) })
        })
    }

    /// Gives functions and variables other names, all at once. Of those that get one name the first stands
    /// for all, and what has such a name without being one of them steps aside.
    pub(crate) fn rename(&mut self, names: &[(&str, String)]) {
        let find = |name| self.global(name).map(Value::as_ptr);
        let renamed: Vec<_> = names
            .iter()
            .filter_map(|(from, to)| Some((find(from)?, to)))
            .collect();
        // SAFETY: all were found in this module just now, and renaming deletes nothing; names are copied.
        let set = |value, name: &str| unsafe {
            LLVMSetValueName2(value, name.as_ptr().cast(), name.len());
        };
        for (value, _) in &renamed {
            set(*value, "");
        }
        for (value, name) in &renamed {
            match self.global(name).map(Value::as_ptr) {
                Some(first) if renamed.iter().any(|(value, _)| *value == first) => {
                    // SAFETY: as above; both are pointers.
                    unsafe { LLVMReplaceAllUsesWith(*value, first) };
                    continue;
                }
                Some(other) => set(other, &format!("{name}.local")),
                None => {}
            }
            set(*value, name);
        }
    }

    pub(crate) fn text(&self) -> String {
        // SAFETY: the module is alive; the message is ours.
        unsafe { take_message(LLVMPrintModuleToString(self.raw)) }.unwrap_or_default()
    }

    /// `Err` holds the verifier's text.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut text = core::ptr::null_mut();
        let action = LLVMVerifierFailureAction::LLVMReturnStatusAction;
        // SAFETY: the module is alive.
        let broken = unsafe { LLVMVerifyModule(self.raw, action, &mut text) } != 0;
        // SAFETY: LLVM always hands out a message, empty when all is well.
        let text = unsafe { take_message(text) }.unwrap_or_default();
        if broken { Err(text) } else { Ok(()) }
    }

    /// Runs a pipeline. `Err` holds what is wrong with its text.
    pub(crate) fn run_passes(
        &mut self,
        pipeline: &str,
        machine: &TargetMachine,
        observation: &mut Observation,
    ) -> Result<(), String> {
        let observer = martlet_ir_observer {
            inlined: observation.inlinings.is_some().then_some(inlined),
            touched: observation.watch.is_some().then_some(touched),
            user: core::ptr::from_mut(observation).cast::<c_void>(),
        };
        // SAFETY: module and machine are alive; the observation outlives the call.
        let wrong = unsafe {
            martlet_ir_run_passes(
                self.raw,
                machine.as_mut_ptr(),
                pipeline.as_ptr().cast(),
                pipeline.len(),
                &observer,
            )
        };
        // SAFETY: the message is ours.
        unsafe { take_message(wrong) }.map_or(Ok(()), Err)
    }

    /// Keeps globals from being deleted by passes, which do so as soon as nothing uses them. Returns
    /// those that were not kept before.
    pub(crate) fn guard(&mut self, globals: Vec<Arc<Mark>>) -> Vec<Arc<Mark>> {
        let alive = globals.into_iter().filter_map(|mark| {
            let value = Value::of_mark(&mark, self)?.as_ptr();
            Some((mark, value))
        });
        let (mut marks, values): (Vec<_>, Vec<_>) = alive.unzip();
        if values.is_empty() {
            return marks;
        }
        let mut added = vec![0; values.len()];
        // SAFETY: alive, and of this module; the lists are of one length.
        unsafe { martlet_ir_guard(self.raw, values.as_ptr(), added.as_mut_ptr(), values.len()) };
        let mut is_added = added.into_iter().map(|added| added != 0);
        marks.retain(|_| is_added.next() == Some(true));
        marks
    }

    /// The end of that.
    pub(crate) fn unguard(&mut self, globals: &[Arc<Mark>]) {
        let values = self.values(globals);
        if !values.is_empty() {
            // SAFETY: alive, and of this module.
            unsafe { martlet_ir_unguard(self.raw, values.as_ptr(), values.len()) };
        }
    }

    fn values(&self, marks: &[impl Deref<Target = Mark>]) -> Vec<LLVMValueRef> {
        let values = marks.iter().filter_map(|mark| Value::of_mark(mark, self));
        values.map(Value::as_ptr).collect()
    }

    /// Links another module of the same context into this one. `false` if LLVM refuses: the context
    /// has the reason, and this module may hold a part of the other.
    pub(crate) fn link(&mut self, other: RawModule) -> bool {
        let other = ManuallyDrop::new(other);
        // SAFETY: both are alive and of one context; the other is LLVM's from here on.
        unsafe { LLVMLinkModules2(self.raw, other.raw) == 0 }
    }

    /// A copy in the same context.
    pub(crate) fn copy(&self) -> RawModule {
        // SAFETY: the module is alive.
        Self::own(unsafe { LLVMCloneModule(self.raw) })
    }

    /// Takes the marks off functions that were dropped in another module.
    pub(crate) fn forget_dropped(&mut self) {
        // SAFETY: the module is alive.
        unsafe { martlet_ir_forget_dropped(self.raw) };
    }

    /// Deletes the body of a function, and the statics that only it used.
    pub(crate) fn take_body(&mut self, function: &Mark) {
        if let Some(function) = Value::of_mark(function, self).map(Value::as_ptr) {
            // SAFETY: alive, and `self` is exclusive.
            unsafe { martlet_ir_take_body(function) };
        }
    }

    /// Gives a declared function the body of one of another module of the same context. What stands
    /// in `uses` is meant by these names there. `Err` holds the reason.
    pub(crate) fn give_body<'a>(
        &mut self,
        function: &Mark,
        source: Value<'_>,
        from: &RawModule,
        uses: impl Iterator<Item = (&'a str, &'a Mark)>,
    ) -> Result<(), String> {
        let Some(function) = Value::of_mark(function, self).map(Value::as_ptr) else {
            return Err("the function is gone".into());
        };
        let pair = |(name, mark)| Some((from.global(name)?, Value::of_mark(mark, self)?));
        let (theirs, ours): (Vec<_>, Vec<_>) = uses
            .filter_map(pair)
            .map(|(theirs, ours)| (theirs.as_ptr(), ours.as_ptr()))
            .unzip();
        // SAFETY: all are alive, functions and globals; the lists are of one length.
        let wrong = unsafe {
            martlet_ir_give_body(
                function,
                source.as_ptr(),
                theirs.as_ptr(),
                ours.as_ptr(),
                ours.len(),
            )
        };
        // SAFETY: the message is ours.
        unsafe { take_message(wrong) }.map_or(Ok(()), Err)
    }

    /// Erases functions that nothing but themselves uses any more, and the statics that only they
    /// used. Returns the number of these.
    pub(crate) fn erase(&mut self, marks: &[&Mark]) -> usize {
        let values = self.values(marks);
        // SAFETY: alive, of this module, and every `Value` of it is gone, as `self` is exclusive.
        unsafe { martlet_ir_erase(values.as_ptr(), values.len()) }
    }

    /// Clones one function out, into a module of the same context. `Err` holds the reason.
    pub(crate) fn extract(&self, request: &ExtractRequest<'_>) -> Result<RawModule, String> {
        let name = c_string(&request.name);
        let brought: Vec<_> = request
            .brought
            .iter()
            .map(|(value, _)| value.as_ptr())
            .collect();
        let tags: Vec<u64> = request.brought.iter().map(|(_, tag)| *tag).collect();
        let mut error = core::ptr::null_mut();
        // SAFETY: all values are alive and functions; the lists are of one length.
        let raw = unsafe {
            martlet_ir_extract(
                request.function.as_ptr(),
                brought.as_ptr(),
                tags.as_ptr(),
                tags.len(),
                name.as_ptr(),
                &mut error,
            )
        };
        if raw.is_null() {
            // SAFETY: set when nothing is returned, and ours.
            return Err(unsafe { take_message(error) }.unwrap_or_default());
        }
        Ok(Self::own(raw))
    }

    /// A copy in another context, with the number of things it consists of; `None` if there is
    /// something in it that only bitcode carries over.
    pub(crate) fn copy_to(&self, context: &RawContext) -> Option<(RawModule, usize)> {
        let mut size = 0;
        // SAFETY: the module and the context are alive, and of this thread.
        let raw = unsafe { martlet_ir_copy(self.raw, context.as_ptr(), &mut size) };
        (!raw.is_null()).then(|| (Self::own(raw), size))
    }

    pub(crate) fn bitcode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let user = (&raw mut bytes).cast::<c_void>();
        // SAFETY: the module is alive; `user` outlives the call.
        unsafe { martlet_ir_bitcode(self.raw, Some(push_bytes), user) };
        bytes
    }

    /// Reads LLVM's language, for the target of this module. `Err` holds LLVM's words.
    pub(crate) fn parse_text(&self, text: &str, context: &RawContext) -> Result<Self, String> {
        // SAFETY: the module is alive, and its strings are copied.
        let [layout, triple] = unsafe { [LLVMGetDataLayoutStr(self.raw), LLVMGetTarget(self.raw)] }
            // SAFETY: both are C strings of the module's.
            .map(|it| unsafe { CStr::from_ptr(it) }.to_string_lossy());
        let text = format!("target datalayout = \"{layout}\" target triple = \"{triple}\" {text}");
        let (mut raw, mut message) = (core::ptr::null_mut(), core::ptr::null_mut());
        // SAFETY: the text is copied; the copy outlives the reading.
        let failed = unsafe {
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(
                text.as_ptr().cast(),
                text.len(),
                c"text".as_ptr(),
            );
            let failed = LLVMParseIRInContext2(context.as_ptr(), buffer, &mut raw, &mut message);
            LLVMDisposeMemoryBuffer(buffer);
            failed
        };
        // SAFETY: it is null or ours.
        let message = unsafe { take_message(message) };
        match failed {
            0 => Ok(Self::own(raw)),
            _ => Err(message.unwrap_or_default()),
        }
    }

    /// What is in it besides functions and variables that stand for themselves.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        let mut asm_bytes = 0;
        // SAFETY: the module is alive.
        unsafe { LLVMGetModuleInlineAsm(self.raw, &mut asm_bytes) };
        // SAFETY: as above.
        let has_metadata = !unsafe { LLVMGetFirstNamedMetadata(self.raw) }.is_null();
        let linkage = |it: &Value<'_>| {
            // SAFETY: a variable of this module.
            unsafe { LLVMGetLinkage(it.as_ptr()) }
        };
        let appends = LLVMLinkage::LLVMAppendingLinkage;
        let appends = self.variables().iter().any(|it| linkage(it) == appends);
        // SAFETY: the module is alive.
        let has_alias = unsafe {
            !LLVMGetFirstGlobalAlias(self.raw).is_null()
                || !LLVMGetFirstGlobalIFunc(self.raw).is_null()
        };
        let oddities = [
            (has_alias, "an alias"),
            (asm_bytes > 0, "assembly of the module"),
            (has_metadata, "metadata of the module"),
            (appends, "a list that linking would append to"),
        ];
        oddities.into_iter().find(|it| it.0).map(|it| it.1)
    }

    /// Reads bitcode at once and whole; `None` if it is not valid: the context has the reason.
    pub(crate) fn parse(name: &str, bytes: &[u8], context: &RawContext) -> Option<Self> {
        let name = c_string(name);
        let mut raw = core::ptr::null_mut();
        // SAFETY: the bytes outlive the reading, which is over when the call returns.
        let failed = unsafe {
            let buffer = LLVMCreateMemoryBufferWithMemoryRange(
                bytes.as_ptr().cast(),
                bytes.len(),
                name.as_ptr(),
                0,
            );
            let failed = LLVMParseBitcodeInContext2(context.as_ptr(), buffer, &mut raw);
            LLVMDisposeMemoryBuffer(buffer);
            failed
        };
        (failed == 0).then(|| Self::own(raw))
    }
}

impl Drop for RawModule {
    fn drop(&mut self) {
        let _operation = Operation::enter("drop of the module", "");
        // SAFETY: ours, once; the context is still there.
        unsafe { LLVMDisposeModule(self.raw) };
    }
}

/// The pass that this thread is in.
pub(crate) fn current_pass() -> Option<String> {
    let mut length = 0;
    // SAFETY: the name is copied at once.
    unsafe {
        let name = martlet_ir_current_pass(&mut length);
        (!name.is_null()).then(|| owned(name, length))
    }
}

unsafe extern "C" fn push_bytes(user: *mut c_void, bytes: *const c_char, length: usize) {
    // SAFETY: `bitcode` passes a vector that outlives the call, the shim bytes that are readable.
    unsafe {
        let bytes = core::slice::from_raw_parts(bytes.cast::<u8>(), length);
        (*user.cast::<Vec<u8>>()).extend_from_slice(bytes);
    }
}

unsafe extern "C" fn inlined(user: *mut c_void, inlining: *const martlet_ir_inlining) {
    // SAFETY: `run_passes` passes an observation that outlives the call.
    let observation = unsafe { &mut *user.cast::<Observation>() };
    if let Some(inlinings) = &mut observation.inlinings {
        // SAFETY: the shim passes a readable struct.
        inlinings.push(unsafe { *inlining });
    }
}

unsafe extern "C" fn touched(user: *mut c_void, function: LLVMValueRef, touch: u32) {
    // SAFETY: `run_passes` passes an observation that outlives the call.
    let observation = unsafe { &mut *user.cast::<Observation>() };
    if let Some(watch) = &mut observation.watch {
        watch.touched(function.addr(), touch);
    }
}
