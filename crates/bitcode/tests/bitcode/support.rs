//! What several tests need.

use martlet_bitcode::{Build, Clang};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) const GOOD: &str = "
/* What is twice v. */
long twice(long v);
long twice(long v) { return v + v; }
extern long counter;
/* Slow. */
__attribute__((noinline, cold)) long slow(long v) { return v / counter; }
long mixed(long v) { return v > 3 ? twice(v) : slow(v); }
";

pub(crate) struct Case {
    pub(crate) dir: tempfile::TempDir,
}

impl Case {
    pub(crate) fn new() -> Self {
        Case {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("the directory can be written");
        path
    }

    pub(crate) fn build(&self) -> Build {
        Build::new("t")
            .out_dir(self.dir.path())
            .cargo_metadata(false)
    }

    /// What a Rust program prints.
    pub(crate) fn program(&self, main: &str, args: &[&str]) -> String {
        let program = self.dir.path().join("main");
        let rustc = std::process::Command::new("rustc")
            .arg("--edition=2024")
            .arg(self.file("main.rs", main))
            .arg("-L")
            .arg(self.dir.path())
            .args(args)
            .arg("-o")
            .arg(&program)
            .output()
            .expect("rustc runs");
        let errors = String::from_utf8_lossy(&rustc.stderr);
        assert!(rustc.status.success(), "{errors}");
        let output = std::process::Command::new(program)
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A program that prints a text, as a clang does when asked for its version.
    pub(crate) fn fake(&self, name: &str, says: &str) -> PathBuf {
        let path = self.file(name, &format!("#!/bin/sh\necho '{says}'\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the build wrote it")
}

/// A tool of the LLVM that a clang is of: on PATH there may be another.
pub(crate) fn tool(clang: &Clang, name: &str) -> PathBuf {
    let beside = clang.path.parent().map(ToOwned::to_owned);
    let dirs = clang.bindir.iter().cloned().chain(beside);
    let versioned = format!("{name}-{}", clang.major);
    let mut files = dirs.flat_map(|dir| [dir.join(&versioned), dir.join(name)]);
    let found = files.find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is beside {}", clang.path.display()))
}
