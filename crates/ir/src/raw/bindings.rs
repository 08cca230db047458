//! What `cpp/martlet_ir.h` declares, in the same order.

use core::ffi::{c_char, c_int, c_void};
use llvm_sys::prelude::{LLVMContextRef, LLVMModuleRef, LLVMValueRef};
use llvm_sys::target_machine::LLVMTargetMachineRef;

/// A value handle of the shim.
#[repr(C)]
pub(crate) struct Node {
    _opaque: [u8; 0],
}

pub(crate) const DELETED: u32 = 0;
pub(crate) const REPLACED: u32 = 1;

pub(crate) type Event = unsafe extern "C" fn(user: *mut c_void, kind: u32, by: LLVMValueRef);

/// `struct martlet_ir_inlining`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inlining {
    pub(crate) tag: u64,
    pub(crate) into: u64,
    pub(crate) rooted: u32,
}

pub(crate) type Inlined = unsafe extern "C" fn(user: *mut c_void, inlining: *const Inlining);

pub(crate) const USER_FUNCTION: u32 = 0;
pub(crate) const USER_VARIABLE: u32 = 1;
pub(crate) const USER_USED_LIST: u32 = 2;
pub(crate) const USER_ALIAS: u32 = 3;
pub(crate) const USER_BLOCK_ADDRESS: u32 = 4;

pub(crate) type User = unsafe extern "C" fn(data: *mut c_void, kind: u32, user: LLVMValueRef);
pub(crate) type Named = unsafe extern "C" fn(data: *mut c_void, name: *const c_char, length: usize);

unsafe extern "C" {
    pub(crate) fn martlet_ir_context_watch(context: LLVMContextRef);
    pub(crate) fn martlet_ir_context_take_errors(context: LLVMContextRef) -> *mut c_char;

    pub(crate) fn martlet_ir_node_new(
        value: LLVMValueRef,
        follow: c_int,
        event: Event,
        user: *mut c_void,
    ) -> *mut Node;
    pub(crate) fn martlet_ir_node_free(node: *mut Node);
    pub(crate) fn martlet_ir_module_of(value: LLVMValueRef) -> LLVMModuleRef;

    pub(crate) fn martlet_ir_run_passes(
        module: LLVMModuleRef,
        machine: LLVMTargetMachineRef,
        pipeline: *const c_char,
        length: usize,
        inlined: Option<Inlined>,
        user: *mut c_void,
    ) -> *mut c_char;
    pub(crate) fn martlet_ir_current_pass(length: *mut usize) -> *const c_char;

    pub(crate) fn martlet_ir_hash_body(function: LLVMValueRef) -> u64;
    pub(crate) fn martlet_ir_hash_interface(function: LLVMValueRef) -> u64;
    pub(crate) fn martlet_ir_count_instructions(module: LLVMModuleRef) -> u64;

    pub(crate) fn martlet_ir_users(function: LLVMValueRef, visit: User, data: *mut c_void);
    pub(crate) fn martlet_ir_set_held(function: LLVMValueRef, held: c_int);
    pub(crate) fn martlet_ir_is_dropped(function: LLVMValueRef) -> c_int;
    pub(crate) fn martlet_ir_erase(functions: *const LLVMValueRef, count: usize);

    pub(crate) fn martlet_ir_extract(
        function: LLVMValueRef,
        brought: *const LLVMValueRef,
        tags: *const u64,
        count: usize,
        name: *const c_char,
        error: *mut *mut c_char,
    ) -> LLVMModuleRef;
    pub(crate) fn martlet_ir_canonical_text(function: LLVMValueRef) -> *mut c_char;

    pub(crate) fn martlet_ir_library_open(
        context: LLVMContextRef,
        bytes: *const c_char,
        length: usize,
        name: *const c_char,
        error: *mut *mut c_char,
    ) -> LLVMModuleRef;
    pub(crate) fn martlet_ir_library_find(
        library: LLVMModuleRef,
        name: *const c_char,
        length: usize,
    ) -> LLVMValueRef;
    pub(crate) fn martlet_ir_library_names(library: LLVMModuleRef, visit: Named, data: *mut c_void);
    pub(crate) fn martlet_ir_library_import(
        into: LLVMModuleRef,
        library: LLVMModuleRef,
        prefix: *const c_char,
        imported: Named,
        data: *mut c_void,
    ) -> *mut c_char;
    pub(crate) fn martlet_ir_library_restore(
        into: LLVMModuleRef,
        library: LLVMModuleRef,
        prefix: *const c_char,
        function: LLVMValueRef,
    ) -> *mut c_char;
    pub(crate) fn martlet_ir_library_text(
        library: LLVMModuleRef,
        name: *const c_char,
        length: usize,
        prefix: *const c_char,
        local: c_int,
    ) -> *mut c_char;
}
