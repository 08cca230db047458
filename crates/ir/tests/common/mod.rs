//! What the tests of this crate share: a target machine, and modules from text.

#![allow(dead_code, reason = "each test program uses its own part")]

use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::targets::{
    CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};
use martlet_ir::{Context, Module};

/// A machine for a plain x86-64.
pub(crate) fn machine() -> TargetMachine {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    let target = Target::from_triple(&triple).expect("x86 was initialized");
    target
        .create_target_machine(
            &triple,
            "x86-64",
            "",
            OptimizationLevel::Default,
            RelocMode::PIC,
            CodeModel::Small,
        )
        .expect("x86-64 has machines")
}

/// Bitcode of a module given as text.
pub(crate) fn bitcode(text: &str) -> Vec<u8> {
    let context = InkContext::create();
    // inkwell wants the zero byte at the end.
    let text = format!("{text}\0");
    let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "text");
    let raw = buffer.as_mut_ptr();
    let module = context
        .create_module_from_ir(buffer)
        .expect("the test's text parses");
    // SAFETY: LLVM leaves the buffer to its caller, and inkwell forgets it.
    drop(unsafe { MemoryBuffer::new(raw) });
    module.write_bitcode_to_memory().as_slice().to_vec()
}

/// A module given as text.
pub(crate) fn module(text: &str) -> Module {
    let module = Module::from_bitcode("test", &bitcode(text), Context::new());
    let module = module.expect("bitcode that LLVM has just written");
    module.verify().expect("the test's text is sound");
    module
}

/// The names of the functions that have bodies, in order.
pub(crate) fn definitions(module: &Module) -> Vec<String> {
    module.read(|e| {
        let defined = e
            .module()
            .get_functions()
            .filter(|f| f.count_basic_blocks() > 0);
        defined
            .map(|f| f.get_name().to_string_lossy().into_owned())
            .collect()
    })
}
