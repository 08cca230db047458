//! A fatal error of LLVM's names what was being compiled before the process ends.

use martlet_codegen::{Emitter, OptLevel, Target};
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::{Context, Module, on_fatal_error};
use std::process::Command;

/// There is no such collector, which LLVM finds out too late to return an error.
const FATAL: &str = "define i64 @f() gc \"nonesuch\" { ret i64 0 }\0";

#[test]
fn the_last_words_name_the_function() {
    const CHILD: &str = "MARTLET_TEST_DIES";
    if std::env::var_os(CHILD).is_some() {
        assert!(on_fatal_error(|error| {
            eprintln!("last words: {} during {}", error.message, error.operation);
        }));
        let ink = InkContext::create();
        let buffer = MemoryBuffer::create_from_memory_range_copy(FATAL.as_bytes(), "text");
        let bitcode = ink
            .create_module_from_ir(buffer)
            .unwrap()
            .write_bitcode_to_memory();
        let module = Module::from_bitcode("culprit", bitcode.as_slice(), Context::new());
        let mut emitter = Emitter::new(Target::host()).unwrap();
        let survived = emitter.emit(&mut module.unwrap(), OptLevel::Default);
        panic!("not fatal: {survived:?}");
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_last_words_name_the_function", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success());
    assert!(
        stderr.contains("last words: unsupported GC: nonesuch"),
        "{stderr}"
    );
    assert!(stderr.contains("during emit `culprit`"), "{stderr}");
}
