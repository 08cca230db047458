//! The committed bindings are what bindgen makes of the shim's header.
//!
//! `UPDATE_EXPECT=1 cargo test -p martlet-ir --test bindings` (or `cargo xtask bindings`) writes them anew.

use expect_test::expect_file;
use std::process::Command;

fn llvm_config(question: &str) -> String {
    let output = Command::new(env!("MARTLET_IR_LLVM_CONFIG"))
        .arg(question)
        .output()
        .expect("the build script has run it");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn bindings_are_current() {
    // SAFETY: this program has one test, and no other thread reads the environment.
    unsafe { std::env::set_var("LIBCLANG_PATH", llvm_config("--libdir")) };
    let bindings = bindgen::Builder::default()
        .header("cpp/martlet_ir.h")
        .clang_arg(format!("-I{}", llvm_config("--includedir")))
        .allowlist_item("martlet_ir_.*")
        .allowlist_item("MARTLET_IR_.*")
        .blocklist_type("LLVM.*")
        .prepend_enum_name(false)
        .layout_tests(false)
        .merge_extern_blocks(true)
        .use_core()
        .ctypes_prefix("core::ffi")
        .disable_header_comment()
        .raw_line("//! What `cpp/martlet_ir.h` declares, by bindgen. Do not edit: see `tests/bindings.rs`.")
        .raw_line("")
        .raw_line("#![allow(")
        .raw_line("    dead_code,")
        .raw_line("    missing_docs,")
        .raw_line("    non_camel_case_types,")
        .raw_line("    unreachable_pub,")
        .raw_line("    reason = \"generated\"")
        .raw_line(")]")
        .raw_line("")
        .raw_line("use llvm_sys::prelude::{LLVMContextRef, LLVMModuleRef, LLVMValueRef};")
        .raw_line("use llvm_sys::target_machine::LLVMTargetMachineRef;")
        .generate()
        .expect("the header is C");
    expect_file!["../src/raw/bindings.rs"].assert_eq(&bindings.to_string());
}
