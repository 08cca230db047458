//! IR to measure with: functions of the shape that compilers of dynamic languages make.

use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::targets::{
    CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};
use martlet_ir::{Context, Module};
use std::fmt::Write;

/// A machine for a plain x86-64.
pub(crate) fn machine() -> TargetMachine {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    let (level, reloc, model) = (OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small);
    Target::from_triple(&triple)
        .ok()
        .and_then(|target| target.create_target_machine(&triple, "x86-64", "", level, reloc, model))
        .expect("this LLVM was built with x86")
}

/// Bitcode of a module given as text.
pub(crate) fn bitcode(text: &str) -> Vec<u8> {
    let context = InkContext::create();
    // inkwell wants the zero byte at the end.
    let buffer =
        MemoryBuffer::create_from_memory_range_copy(format!("{text}\0").as_bytes(), "text");
    let module = context
        .create_module_from_ir(buffer)
        .expect("the text parses");
    module.write_bitcode_to_memory().as_slice().to_vec()
}

/// A module given as text.
pub(crate) fn module(text: &str) -> Module {
    Module::from_bitcode("library", &bitcode(text), Context::new()).expect("bitcode of this LLVM")
}

/// `count` functions `f0`, `f1`, ... of about fifty instructions each: a loop over an array with a
/// guard, a checked addition, a rare path that calls a helper, and calls of two neighbours.
pub(crate) fn functions(count: usize) -> String {
    let mut text = String::from(
        "declare i64 @helper(i64, ptr)
         declare { i64, i1 } @llvm.sadd.with.overflow.i64(i64, i64)
         @limit = external global i64\n",
    );
    for i in 0..count {
        let (near, far) = ((i + 1) % count, (i * 7 + 3) % count);
        let (a, b, c) = (i % 61 + 2, i % 13 + 1, i % 5 + 1);
        write!(
            text,
            "define i64 @f{i}(ptr %frame, i64 %n, i64 %m) {{
             entry:
               %base = getelementptr i64, ptr %frame, i64 {b}
               %saved = alloca i64
               %total = alloca i64
               store i64 0, ptr %total
               store i64 %m, ptr %saved
               %bound = load i64, ptr @limit
               %some = icmp slt i64 0, %n
               br i1 %some, label %loop, label %out
             loop:
               %i = phi i64 [ 0, %entry ], [ %next, %latch ]
               %place = getelementptr i64, ptr %base, i64 %i
               %item = load i64, ptr %place
               %tag = and i64 %item, {c}
               %is_small = icmp eq i64 %tag, 0
               br i1 %is_small, label %fast, label %slow
             fast:
               %old = load i64, ptr %total
               %scaled = mul i64 %item, {a}
               %pair = call {{ i64, i1 }} @llvm.sadd.with.overflow.i64(i64 %old, i64 %scaled)
               %sum = extractvalue {{ i64, i1 }} %pair, 0
               %over = extractvalue {{ i64, i1 }} %pair, 1
               br i1 %over, label %slow, label %store
             store:
               store i64 %sum, ptr %total
               br label %latch
             slow:
               %boxed = call i64 @helper(i64 %item, ptr %saved)
               %failed = icmp eq i64 %boxed, 0
               br i1 %failed, label %exit, label %kept
             kept:
               %before = load i64, ptr %total
               %after = xor i64 %before, %boxed
               store i64 %after, ptr %total
               br label %latch
             latch:
               %next = add i64 %i, 1
               %more = icmp slt i64 %next, %n
               br i1 %more, label %loop, label %out
             out:
               %result = load i64, ptr %total
               %keep = load i64, ptr %saved
               %both = add i64 %result, %keep
               %deep = icmp sgt i64 %both, %bound
               br i1 %deep, label %calls, label %done
             calls:
               %less = sub i64 %n, 1
               %x = call i64 @f{near}(ptr %frame, i64 %less, i64 %both)
               %y = call i64 @f{far}(ptr %base, i64 %less, i64 %x)
               %z = add i64 %x, %y
               ret i64 %z
             done:
               %shifted = shl i64 %both, 1
               %marked = or i64 %shifted, 1
               ret i64 %marked
             exit:
               ret i64 0
             }}\n"
        )
        .expect("strings grow");
    }
    text
}

/// `count` functions that call each other in a ring.
pub(crate) fn ring(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let next = (i + 1) % count;
        writeln!(
            text,
            "define i64 @f{i}(i64 %n) {{ %r = call i64 @f{next}(i64 %n) ret i64 %r }}"
        )
        .expect("strings grow");
    }
    text
}

/// A library of small helpers, the first `brought` of which [`user`] names.
pub(crate) fn helpers(count: usize) -> String {
    let mut text = String::from("@counter = global i64 0\n");
    for i in 0..count {
        writeln!(
            text,
            "define i64 @helper{i}(i64 %n, ptr %p) {{
               %old = load i64, ptr %p
               %sum = add i64 %old, %n
               store i64 %sum, ptr %p
               %count = load i64, ptr @counter
               %more = add i64 %count, {i}
               store i64 %more, ptr @counter
               %is_zero = icmp eq i64 %sum, 0
               br i1 %is_zero, label %zero, label %other
             zero:
               ret i64 0
             other:
               %r = mul i64 %sum, {i}
               ret i64 %r
             }}"
        )
        .expect("strings grow");
    }
    text
}

/// A module that names the first `brought` helpers.
pub(crate) fn user(brought: usize) -> String {
    let mut text = String::from("define i64 @user(i64 %n, ptr %p) {\n");
    for i in 0..brought {
        writeln!(text, "call i64 @helper{i}(i64 %n, ptr %p)").expect("strings grow");
    }
    text += "ret i64 %n }\n";
    for i in 0..brought {
        writeln!(text, "declare i64 @helper{i}(i64, ptr)").expect("strings grow");
    }
    text
}
