//! Compiles the native side of the runtime (`clang-helpers/runtime/`) against the headers of the interpreter that PyO3
//! found.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let folder = Path::new("../../clang-helpers/runtime");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=../../clang-helpers/martlet.h");
    pyo3_build_config::add_extension_module_link_args();

    let include = include_folder();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "c"))
        .collect();
    files.sort();
    cc::Build::new()
        .files(files)
        .include(&include)
        .include(include.join("internal"))
        .include(include.join("internal/mimalloc"))
        .flag("-fno-strict-aliasing")
        .flag("-Wno-missing-field-initializers")
        .flag("-Wno-unused-parameter")
        .flag("-Wno-sign-compare")
        .opt_level(2)
        .compile("martlet_runtime");
}

/// Where `Python.h` of the interpreter to build for lies.
fn include_folder() -> PathBuf {
    let config = pyo3_build_config::get();
    let executable = config
        .executable()
        .expect("PyO3 knows the interpreter that it builds for");
    let output = Command::new(executable)
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_paths()['include'])",
        ])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {executable}: {error}"));
    assert!(output.status.success(), "{executable} has no sysconfig");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
