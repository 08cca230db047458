//! What `cpp/martlet_ir.h` declares, by bindgen. Do not edit: see `tests/bindings.rs`.

#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    reason = "generated"
)]

use llvm_sys::prelude::{LLVMContextRef, LLVMModuleRef, LLVMValueRef};
use llvm_sys::target_machine::LLVMTargetMachineRef;

pub type martlet_ir_bytes = ::core::option::Option<
    unsafe extern "C" fn(
        user: *mut core::ffi::c_void,
        bytes: *const core::ffi::c_char,
        length: usize,
    ),
>;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct martlet_ir_node {
    _unused: [u8; 0],
}
pub const MARTLET_IR_DELETED: martlet_ir_what = 0;
pub const MARTLET_IR_REPLACED: martlet_ir_what = 1;
pub const MARTLET_IR_REPLACED_OTHER: martlet_ir_what = 2;
pub type martlet_ir_what = core::ffi::c_uint;
pub type martlet_ir_event = ::core::option::Option<
    unsafe extern "C" fn(
        user: *mut core::ffi::c_void,
        kind: u32,
        by: LLVMValueRef,
        now: LLVMValueRef,
    ),
>;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct martlet_ir_inlining {
    pub tag: u64,
    pub into: u64,
    pub rooted: u32,
}
pub type martlet_ir_inlined = ::core::option::Option<
    unsafe extern "C" fn(user: *mut core::ffi::c_void, inlining: *const martlet_ir_inlining),
>;
pub const MARTLET_IR_BEFORE: martlet_ir_touch = 0;
pub const MARTLET_IR_CHANGED: martlet_ir_touch = 1;
pub const MARTLET_IR_SUSPECT: martlet_ir_touch = 2;
pub type martlet_ir_touch = core::ffi::c_uint;
pub type martlet_ir_touched = ::core::option::Option<
    unsafe extern "C" fn(user: *mut core::ffi::c_void, function: LLVMValueRef, touch: u32),
>;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct martlet_ir_observer {
    pub inlined: martlet_ir_inlined,
    pub touched: martlet_ir_touched,
    pub user: *mut core::ffi::c_void,
}
pub const MARTLET_IR_USER_FUNCTION: martlet_ir_user_kind = 0;
pub const MARTLET_IR_USER_VARIABLE: martlet_ir_user_kind = 1;
pub const MARTLET_IR_USER_USED_LIST: martlet_ir_user_kind = 2;
pub const MARTLET_IR_USER_ALIAS: martlet_ir_user_kind = 3;
pub const MARTLET_IR_USER_BLOCK_ADDRESS: martlet_ir_user_kind = 4;
pub const MARTLET_IR_USER_COMDAT: martlet_ir_user_kind = 5;
pub const MARTLET_IR_USER_OTHER: martlet_ir_user_kind = 6;
pub type martlet_ir_user_kind = core::ffi::c_uint;
pub type martlet_ir_user = ::core::option::Option<
    unsafe extern "C" fn(user_data: *mut core::ffi::c_void, kind: u32, user: LLVMValueRef),
>;
pub type martlet_ir_named = ::core::option::Option<
    unsafe extern "C" fn(
        user: *mut core::ffi::c_void,
        name: *const core::ffi::c_char,
        length: usize,
    ),
>;
unsafe extern "C" {
    pub fn martlet_ir_header_version(
        major: *mut core::ffi::c_uint,
        minor: *mut core::ffi::c_uint,
        patch: *mut core::ffi::c_uint,
    );
    pub fn martlet_ir_context_watch(context: LLVMContextRef);
    pub fn martlet_ir_context_take_errors(context: LLVMContextRef) -> *mut core::ffi::c_char;
    pub fn martlet_ir_bitcode(
        module: LLVMModuleRef,
        visit: martlet_ir_bytes,
        user: *mut core::ffi::c_void,
    );
    pub fn martlet_ir_copy(
        module: LLVMModuleRef,
        context: LLVMContextRef,
        size: *mut usize,
    ) -> LLVMModuleRef;
    pub fn martlet_ir_node_new(
        value: LLVMValueRef,
        follow: core::ffi::c_int,
        event: martlet_ir_event,
        user: *mut core::ffi::c_void,
    ) -> *mut martlet_ir_node;
    pub fn martlet_ir_node_set_follow(node: *mut martlet_ir_node, follow: core::ffi::c_int);
    pub fn martlet_ir_node_watch(
        node: *mut martlet_ir_node,
        value: LLVMValueRef,
        follow: core::ffi::c_int,
    );
    pub fn martlet_ir_node_free(node: *mut martlet_ir_node);
    pub fn martlet_ir_module_of(value: LLVMValueRef) -> LLVMModuleRef;
    pub fn martlet_ir_function_of(value: LLVMValueRef) -> LLVMValueRef;
    pub fn martlet_ir_run_passes(
        module: LLVMModuleRef,
        machine: LLVMTargetMachineRef,
        pipeline: *const core::ffi::c_char,
        length: usize,
        observer: *const martlet_ir_observer,
    ) -> *mut core::ffi::c_char;
    pub fn martlet_ir_current_pass(length: *mut usize) -> *const core::ffi::c_char;
    pub fn martlet_ir_hash_body(value: LLVMValueRef) -> u64;
    pub fn martlet_ir_hash_interface(value: LLVMValueRef) -> u64;
    pub fn martlet_ir_count_instructions(module: LLVMModuleRef) -> u64;
    pub fn martlet_ir_users(
        function: LLVMValueRef,
        visit: martlet_ir_user,
        user_data: *mut core::ffi::c_void,
    );
    pub fn martlet_ir_set_held(function: LLVMValueRef, held: core::ffi::c_int);
    pub fn martlet_ir_is_dropped(function: LLVMValueRef) -> core::ffi::c_int;
    pub fn martlet_ir_forget_dropped(module: LLVMModuleRef);
    pub fn martlet_ir_erase(functions: *const LLVMValueRef, count: usize) -> usize;
    pub fn martlet_ir_guard(
        module: LLVMModuleRef,
        globals: *const LLVMValueRef,
        added: *mut core::ffi::c_uchar,
        count: usize,
    );
    pub fn martlet_ir_unguard(module: LLVMModuleRef, globals: *const LLVMValueRef, count: usize);
    pub fn martlet_ir_extract(
        function: LLVMValueRef,
        brought: *const LLVMValueRef,
        tags: *const u64,
        count: usize,
        name: *const core::ffi::c_char,
        error: *mut *mut core::ffi::c_char,
    ) -> LLVMModuleRef;
    pub fn martlet_ir_take_body(function: LLVMValueRef);
    pub fn martlet_ir_give_body(
        declaration: LLVMValueRef,
        source: LLVMValueRef,
        theirs: *const LLVMValueRef,
        ours: *const LLVMValueRef,
        count: usize,
    ) -> *mut core::ffi::c_char;
    pub fn martlet_ir_canonical_text(function: LLVMValueRef) -> *mut core::ffi::c_char;
    pub fn martlet_ir_library_open(
        context: LLVMContextRef,
        bytes: *const core::ffi::c_char,
        length: usize,
        name: *const core::ffi::c_char,
        error: *mut *mut core::ffi::c_char,
    ) -> LLVMModuleRef;
    pub fn martlet_ir_library_find(
        library: LLVMModuleRef,
        name: *const core::ffi::c_char,
        length: usize,
    ) -> LLVMValueRef;
    pub fn martlet_ir_library_names(
        library: LLVMModuleRef,
        visit: martlet_ir_named,
        user: *mut core::ffi::c_void,
    );
    pub fn martlet_ir_library_import(
        into: LLVMModuleRef,
        library: LLVMModuleRef,
        prefix: *const core::ffi::c_char,
        imported: martlet_ir_named,
        user: *mut core::ffi::c_void,
    ) -> *mut core::ffi::c_char;
    pub fn martlet_ir_library_restore(
        into: LLVMModuleRef,
        library: LLVMModuleRef,
        prefix: *const core::ffi::c_char,
        function: LLVMValueRef,
    ) -> *mut core::ffi::c_char;
    pub fn martlet_ir_library_text(
        library: LLVMModuleRef,
        name: *const core::ffi::c_char,
        length: usize,
        prefix: *const core::ffi::c_char,
        local: core::ffi::c_int,
    ) -> *mut core::ffi::c_char;
}
