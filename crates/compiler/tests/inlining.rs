//! Helpers inline: a call that was there is gone after the quick pipeline, on every processor.

use martlet_codegen::{Emitter, Target, Tier};
use martlet_helpers::{BITCODE, HELPERS, Helper};
use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::context::Context;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::types::{BasicType, BasicTypeEnum, FunctionType};
use martlet_ir::{BitcodeLibrary, Module};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The LLVM type of a word of a helper's signature.
fn word<'ctx>(context: &'ctx Context, text: &str) -> BasicTypeEnum<'ctx> {
    let pair =
        |first: BasicTypeEnum<'ctx>, second| context.struct_type(&[first, second], false).into();
    let ptr = context.ptr_type(Default::default()).into();
    let int = context.i64_type().into();
    let double = context.f64_type().into();
    match text {
        "ptr" => ptr,
        "i64" => int,
        "double" => double,
        "i32" => context.i32_type().into(),
        "i1" => context.bool_type().into(),
        "{ ptr, ptr }" => pair(ptr, ptr),
        "{ i64, i64 }" => pair(int, int),
        "{ double, i64 }" => pair(double, int),
        other => panic!("no helper has had a `{other}` so far"),
    }
}

fn function_type<'ctx>(context: &'ctx Context, signature: &str) -> FunctionType<'ctx> {
    let (result, params) = signature.rsplit_once(" (").expect("result (parameters)");
    let params = params
        .trim_end_matches(')')
        .split(", ")
        .filter(|text| !text.is_empty());
    let params: Vec<_> = params.map(|text| word(context, text).into()).collect();
    match result {
        "void" => context.void_type().fn_type(&params, false),
        result => word(context, result).fn_type(&params, false),
    }
}

/// A module whose one function passes its arguments on to the helper.
fn caller_of(helper: &Helper) -> Module {
    let mut module = Module::new("unit");
    module.edit(|edit| {
        let context = edit.context();
        let ty = function_type(context, helper.ir_signature);
        let callee = edit.module().add_function(helper.name, ty, None);
        let caller = edit.module().add_function("caller", ty, None);
        let builder = context.create_builder();
        builder.position_at_end(context.append_basic_block(caller, ""));
        let args: Vec<_> = caller.get_params().into_iter().map(Into::into).collect();
        let call = builder.build_call(callee, &args, "").expect("a call");
        let value = call.try_as_basic_value().basic();
        match value {
            Some(value) => builder.build_return(Some(&value)),
            None => builder.build_return(None),
        }
        .expect("a return");
    });
    module
}

fn optimised(helper: &Helper, library: &BitcodeLibrary, cpu: &str) -> String {
    let mut module = caller_of(helper);
    assert!(
        module
            .to_string()
            .contains(&format!("call {}", result_in_call(helper)))
    );
    library.import(&mut module).expect("the types agree");
    let target = Target::named("x86_64-pc-linux-gnu", cpu, "");
    let mut emitter = Emitter::new(target).expect("x86-64 is there");
    emitter
        .optimise(&mut module, Tier::Best)
        .expect("the pipeline runs");
    module.verify().expect("what passes leave is valid");
    module.to_string()
}

fn result_in_call(helper: &Helper) -> String {
    let (result, _) = helper
        .ir_signature
        .rsplit_once(" (")
        .expect("result (parameters)");
    format!("{result} @{}(", helper.name)
}

#[test]
fn helper_call_disappears() {
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    // Of a processor without a name nothing is known: this is where feature strings of helpers would stop inlining.
    for cpu in ["generic", "", "haswell"] {
        let left: Vec<_> = HELPERS
            .iter()
            .filter(|helper| helper.inline)
            .filter(|helper| {
                optimised(helper, &library, cpu).contains(&format!("@{}(", helper.name))
            })
            .map(|helper| helper.name)
            .collect();
        assert!(left.is_empty(), "still called on `{cpu}`: {left:?}");
    }
}

/// No pass may conclude that a C variable never changes from not seeing who writes it.
#[test]
fn global_written_natively_is_seen() {
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    let mut seen = 0;
    for helper in HELPERS.iter().filter(|helper| helper.inline) {
        let text = optimised(helper, &library, "generic");
        for line in text.lines().filter(|line| line.starts_with("@martlet_")) {
            assert!(line.contains(" = external "), "{}: {line}", helper.name);
            seen += 1;
        }
    }
    assert!(seen > 0, "no helper has such a variable");
    let boxing = martlet_helpers::find("martlet_int_box").expect("it is there");
    let text = optimised(boxing, &library, "generic");
    let loads = text
        .lines()
        .filter(|line| line.contains("load ") && line.contains("@martlet_ints"));
    assert!(loads.count() > 0, "{text}");
    boxes_follow_the_variable(&text);
}

/// Runs the optimised caller of `martlet_int_box` over a variable of our own, in which something is written that no IR
/// shows: the interpreter's small ints begin elsewhere.
fn boxes_follow_the_variable(text: &str) {
    const SIZE_OF_INT: usize = 32;
    let context = Context::create();
    let buffer =
        MemoryBuffer::create_from_memory_range_copy(format!("{text}\0").as_bytes(), "text");
    let module = context
        .create_module_from_ir(buffer)
        .expect("LLVM wrote it");
    let engine = module
        .create_jit_execution_engine(OptimizationLevel::Default)
        .expect("this machine");
    // `struct martlet_ints`, which begins with where -5 stands.
    let ints: [AtomicUsize; 5] = Default::default();
    let variable = module
        .get_global("martlet_ints")
        .expect("the helper loads it");
    engine.add_global_mapping(&variable, &raw const ints as usize);
    let slow = module
        .get_function("martlet_int_box_slow")
        .expect("the helper calls it");
    engine.add_global_mapping(&slow, never_called as *const () as usize);
    let caller = engine
        .get_function_address("caller")
        .expect("it is compiled");
    // SAFETY: `caller` has the type of `martlet_int_box`, which does not look at the thread state.
    let caller: extern "C" fn(usize, i64) -> usize = unsafe { std::mem::transmute(caller) };
    for small in [0x1000, 0x5000, 0x1000] {
        // Relaxed: the same thread reads it.
        ints[0].store(small, Ordering::Relaxed);
        assert_eq!(caller(0, 7), small + 12 * SIZE_OF_INT);
    }
}

extern "C" fn never_called() {
    std::process::abort();
}

#[test]
fn slow_paths_stay_calls() {
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    let boxing = martlet_helpers::find("martlet_int_box").expect("it is there");
    let text = optimised(boxing, &library, "generic");
    assert!(text.contains("call ptr @martlet_int_box_slow("), "{text}");
    assert!(
        text.contains("declare ptr @martlet_int_box_slow("),
        "{text}"
    );
    // The variables are the extension's.
    assert!(text.contains("@martlet_ints = external"), "{text}");
}
