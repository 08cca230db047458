//! Builds the C++ shim against the LLVM that llvm-sys found, and hands its llvm-config on.

use std::env;
use std::process::Command;

const SOURCES: [&str; 11] = [
    "bitcode", "carry", "context", "copy", "erase", "extract", "handles", "hash", "library",
    "passes", "statics",
];

fn main() {
    println!("cargo::rerun-if-changed=cpp");
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    // llvm-sys declares `links = "llvm-22"`, so its build script tells us which one it chose.
    let Ok(llvm_config) = env::var("DEP_LLVM_22_CONFIG_PATH") else {
        panic!("no LLVM was chosen: switch on a feature such as `llvm22-1-force-dynamic`");
    };
    println!("cargo::metadata=llvm_config={llvm_config}");
    // For the test that generates the bindings anew.
    println!("cargo::rustc-env=MARTLET_IR_LLVM_CONFIG={llvm_config}");

    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .flag("-fno-exceptions")
        .flag("-fvisibility=hidden")
        .define("_GNU_SOURCE", None)
        .define("__STDC_CONSTANT_MACROS", None)
        .define("__STDC_FORMAT_MACROS", None)
        .define("__STDC_LIMIT_MACROS", None)
        .include("cpp")
        .flag("-isystem")
        .flag(ask(&llvm_config, "--includedir"))
        .files(SOURCES.map(|name| format!("cpp/{name}.cpp")));
    // Classes derived from LLVM's need type information exactly if LLVM has it.
    if ask(&llvm_config, "--has-rtti") == "NO" {
        build.flag("-fno-rtti");
    }
    build.compile("martlet_ir_shim");
}

fn ask(llvm_config: &str, question: &str) -> String {
    let output = match Command::new(llvm_config).arg(question).output() {
        Ok(output) if output.status.success() => output,
        Ok(output) => panic!("`{llvm_config} {question}` ended with {}", output.status),
        Err(error) => panic!("`{llvm_config}` does not run: {error}"),
    };
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
