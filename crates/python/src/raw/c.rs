//! Declarations of `clang-helpers/runtime`: the structures, field for field, and the functions.

use std::ffi::{c_char, c_int, c_void};

use pyo3::ffi::PyObject;

/// `struct martlet_unit` of `martlet.h`.
#[repr(C)]
pub(crate) struct Unit {
    pub(crate) valid: u8,
    pub(crate) kind: u8,
    pub(crate) mark: u16,
    pub(crate) n_exits: u32,
    pub(crate) exits: *const u32,
    pub(crate) exit_counts: *const u64,
    pub(crate) slots: *const *mut PyObject,
    pub(crate) code: *mut PyObject,
    pub(crate) owner: *mut c_void,
    pub(crate) notes: *mut u64,
}

/// `struct martlet_loop` of `runtime.h`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Loop {
    pub(crate) header: u32,
    pub(crate) depth: u32,
    pub(crate) cell: *const c_void,
}

/// `struct martlet_record` of `runtime.h`.
#[repr(C)]
pub(crate) struct Record {
    pub(crate) cell: *const c_void,
    pub(crate) code: *mut PyObject,
    pub(crate) live: u32,
    pub(crate) watched: u32,
    pub(crate) saved_version: u32,
    pub(crate) entered: u8,
    pub(crate) asked: u8,
    pub(crate) eager: u8,
    pub(crate) refused: u8,
    pub(crate) resumable: u8,
    pub(crate) n_loops: u32,
    pub(crate) loops: *const Loop,
}

/// `struct martlet_hooks` of `runtime.h`.
#[repr(C)]
pub(crate) struct Hooks {
    pub(crate) first_call: unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, isize),
    pub(crate) function_died: unsafe extern "C" fn(*mut PyObject),
    pub(crate) code_died: unsafe extern "C" fn(*mut Record),
    pub(crate) tools: unsafe extern "C" fn(),
    pub(crate) function_made: unsafe extern "C" fn(*mut PyObject),
    pub(crate) loop_seen: unsafe extern "C" fn(*mut PyObject, u32),
    pub(crate) exits_often: unsafe extern "C" fn(*mut Unit, u32),
    pub(crate) class_seen: unsafe extern "C" fn(*mut PyObject, u32, u32, bool),
    pub(crate) operand_seen: unsafe extern "C" fn(*mut PyObject, u32, u32, u64),
    pub(crate) sample: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// `struct martlet_code_view` of `access.c`.
#[repr(C)]
pub(crate) struct CodeView {
    pub(crate) name: *mut PyObject,
    pub(crate) qualname: *mut PyObject,
    pub(crate) filename: *mut PyObject,
    pub(crate) consts: *mut PyObject,
    pub(crate) names: *mut PyObject,
    pub(crate) local_names: *mut PyObject,
    pub(crate) local_kinds: *mut PyObject,
    pub(crate) exception_table: *mut PyObject,
    pub(crate) line_table: *mut PyObject,
    pub(crate) first_line: i32,
    pub(crate) flags: u32,
    pub(crate) arg_count: u32,
    pub(crate) pos_only: u32,
    pub(crate) kw_only: u32,
    pub(crate) n_locals: u32,
    pub(crate) stack_size: u32,
    pub(crate) frame_size: u32,
    pub(crate) n_units: u32,
    pub(crate) adaptive: *const u8,
}

/// `struct martlet_description` of `describe.c`.
#[repr(C)]
pub(crate) struct Description {
    pub(crate) kind: u32,
    pub(crate) integer: i64,
    pub(crate) real: f64,
    pub(crate) name: *const c_char,
    pub(crate) module: *mut PyObject,
    pub(crate) owner: *const c_char,
}

/// `struct martlet_sight` of `frames.c`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) code: *mut PyObject,
    pub(crate) func: *mut PyObject,
    pub(crate) frame: *mut c_void,
    pub(crate) offset: u32,
    pub(crate) mark: u16,
    pub(crate) plain: u8,
    pub(crate) observed: u8,
    pub(crate) at_start: u8,
    pub(crate) in_place: u8,
}

unsafe extern "C" {
    pub(crate) static mut martlet_hooks: Hooks;
    pub(crate) static mut martlet_always: u8;
    pub(crate) static mut martlet_enabled: u8;
    pub(crate) static mut martlet_all_loops: u8;

    pub(crate) fn martlet_init() -> c_int;

    pub(crate) fn martlet_interpret(ts: *mut c_void, frame: *mut c_void) -> *mut PyObject;
    pub(crate) fn martlet_stay(ts: *mut c_void, frame: *mut c_void) -> *mut PyObject;
    pub(crate) fn martlet_exit(
        ts: *mut c_void,
        frame: *mut c_void,
        unit: *mut Unit,
        index: u32,
        home: *const i64,
        ...
    ) -> *mut PyObject;
    pub(crate) fn martlet_exit_due(k: u32) -> bool;

    pub(crate) fn martlet_look(sights: *mut Sight, room: u32, responsible: bool) -> u32;
    pub(crate) fn martlet_walk_inside(
        found: unsafe extern "C" fn(*mut c_void, *mut PyObject, u16),
        context: *mut c_void,
    );
    pub(crate) fn martlet_frame_local(frame: *mut c_void, i: u32) -> *mut PyObject;
    pub(crate) fn martlet_frame_depth(frame: *mut c_void) -> c_int;
    pub(crate) fn martlet_frame_globals(frame: *mut c_void) -> *mut PyObject;
    pub(crate) fn martlet_frame_builtins(frame: *mut c_void) -> *mut PyObject;
    pub(crate) fn martlet_ask_for_sample(interpreter: *mut c_void, arg: *mut c_void) -> c_int;
    pub(crate) fn martlet_interpreter() -> *mut c_void;
    pub(crate) fn martlet_tools_are_on() -> bool;
    pub(crate) fn martlet_remember_fork();
    pub(crate) fn martlet_fork_is_over() -> bool;

    pub(crate) fn martlet_view_code(code: *mut PyObject, view: *mut CodeView);
    pub(crate) fn PyCode_GetCode(code: *mut PyObject) -> *mut PyObject;
    pub(crate) fn martlet_opcode_caches(base: u8) -> u32;
    pub(crate) fn martlet_first_instrumented_opcode() -> u32;
    pub(crate) fn martlet_begin_snapshot();
    pub(crate) fn martlet_site(
        code: *mut PyObject,
        units: *const u16,
        oparg: u32,
        globals: *mut PyObject,
        builtins: *mut PyObject,
        kind: *mut u32,
    ) -> *mut PyObject;
    pub(crate) fn martlet_place_of(
        type_version: u32,
        name: *mut PyObject,
        stored: bool,
        detail: *mut u32,
        object: *mut *mut PyObject,
    ) -> u32;
    pub(crate) fn martlet_wrapped_function(
        type_version: u32,
        name: *mut PyObject,
        is_static: *mut bool,
    ) -> *mut PyObject;
    pub(crate) fn martlet_special_method(type_version: u32, name: *const c_char) -> *mut PyObject;
    pub(crate) fn martlet_operator_method(left: u32, right: u32, number: u32) -> *mut PyObject;
    pub(crate) fn martlet_specialise_global(
        code: *mut PyObject,
        at: *mut u16,
        oparg: u32,
        globals: *mut PyObject,
        builtins: *mut PyObject,
    );
    pub(crate) fn martlet_describe(object: *mut PyObject, out: *mut Description);
    pub(crate) fn martlet_seen(object: *mut PyObject) -> u32;
    pub(crate) fn martlet_class_seen(object: *mut PyObject) -> u32;
    pub(crate) fn martlet_is_leaf(object: *mut PyObject) -> bool;
    pub(crate) fn martlet_is_plain_constant(object: *mut PyObject) -> bool;

    pub(crate) fn martlet_forget_version(code: *mut PyObject);
    pub(crate) fn martlet_restore_version(code: *mut PyObject, version: u32);
    pub(crate) fn martlet_watch_functions() -> c_int;
    pub(crate) fn martlet_request_extra() -> c_int;
    pub(crate) fn martlet_set_record(code: *mut PyObject, record: *mut Record) -> c_int;
    pub(crate) fn martlet_enter_functions();
    pub(crate) fn martlet_may_resume() -> bool;
    pub(crate) fn martlet_leave_functions();
    pub(crate) fn martlet_learn_generators();
    pub(crate) fn martlet_enter_generators();
    pub(crate) fn martlet_leave_generators();
    pub(crate) fn martlet_enter_function(func: *mut PyObject);
    pub(crate) fn martlet_put_by(object: *mut PyObject);
    pub(crate) fn martlet_learn_vectorcall(fresh: *mut PyObject);
    pub(crate) fn martlet_hear_of_tools() -> c_int;
    pub(crate) fn martlet_make_jump_callback() -> *mut PyObject;

    pub(crate) fn martlet_run_file(file: *mut libc::FILE, name: *const c_char) -> c_int;
    pub(crate) fn martlet_run_call(callable: *mut PyObject, args: *mut PyObject) -> c_int;
    pub(crate) fn martlet_run_command(source: *const c_char) -> c_int;
    pub(crate) fn martlet_run_stdin() -> c_int;
    pub(crate) fn martlet_hide_nothing();
}
