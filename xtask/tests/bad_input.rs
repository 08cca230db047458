//! What a user may meet before anything is built: each is a clear message and a failure.
//!
//! The tool runs with a PATH that holds nothing but the stand-ins a test puts there, so that the
//! machine's own LLVM and Python play no part.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder of stand-ins, used as PATH.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a shell script there.
    fn with(self, name: &str, script: &str) -> Self {
        let path = self.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A python3.13 that describes itself with these changes to a good answer.
    fn with_python(self, name: &str, version: &str, free_threaded: bool, debug: bool) -> Self {
        let answer = format!(
            r#"{{"executable": "/opt/python", "implementation": "cpython", "version": {version},
            "free_threaded": {free_threaded}, "debug": {debug}, "include": "/opt/include",
            "has_headers": true, "site_packages": null, "origin": null}}"#
        );
        self.with(name, &format!("echo '{}'", answer.replace('\n', " ")))
    }

    fn with_good_python(self) -> Self {
        self.with_python("python3.13", "[3, 13, 1]", false, false)
    }

    /// An llvm-config of this version whose headers are there.
    fn with_llvm(self, version: &str) -> Self {
        let headers = self.path().join("include/llvm-c");
        std::fs::create_dir_all(&headers).unwrap();
        std::fs::write(headers.join("Core.h"), "").unwrap();
        let folder = self.path().display().to_string();
        self.with(
            "llvm-config",
            &format!(
                "case $1 in --version) echo {version};; --includedir) echo {folder}/include;; \
                 *) echo {folder};; esac"
            ),
        )
    }

    fn xtask(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("env")
            .env("PATH", self.path())
            .env("HOME", self.path())
            .env("MARTLET_NO_INSTALL", "1");
        for name in ["MARTLET_PYTHON", "PYENV_ROOT", "LLVM_SYS_221_PREFIX", "CXX"] {
            command.env_remove(name);
        }
        command
    }
}

/// Checks that the command failed with a message that contains all of `expected`, and that it
/// printed nothing that a shell would evaluate.
#[track_caller]
fn fails_with(command: &mut Command, expected: &[&str]) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(stdout.is_empty());
    for text in expected {
        assert!(message.contains(text), "no `{text}` in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn no_llvm() {
    let machine = Machine::new().with_good_python();
    fails_with(&mut machine.xtask(), &["LLVM 22", "was not found", "clang"]);
}

#[test]
fn llvm_of_another_major_version() {
    let machine = Machine::new().with_good_python().with_llvm("19.1.7");
    fails_with(&mut machine.xtask(), &["LLVM 22", "is LLVM 19.1.7"]);
}

#[test]
fn llvm_without_its_headers() {
    let machine = Machine::new().with_good_python().with_llvm("22.1.8");
    std::fs::remove_dir_all(machine.path().join("include")).unwrap();
    fails_with(&mut machine.xtask(), &["LLVM 22", "has no headers"]);
}

#[test]
fn no_clang() {
    let machine = Machine::new().with_good_python().with_llvm("22.1.8");
    fails_with(&mut machine.xtask(), &["clang 22 was not found"]);
}

#[test]
fn clang_of_another_major_version() {
    let machine = Machine::new()
        .with_good_python()
        .with_llvm("22.1.8")
        .with("clang", "echo Debian clang version 14.0.6");
    fails_with(
        &mut machine.xtask(),
        &["clang 22 was not found", "is clang 14.0.6"],
    );
}

#[test]
fn no_python() {
    let machine = Machine::new();
    fails_with(
        &mut machine.xtask(),
        &[
            "no CPython 3.13 was found",
            "pyenv install 3.13",
            "uv python install 3.13",
            "MARTLET_PYTHON",
        ],
    );
}

#[test]
fn python_of_another_minor_version() {
    for (version, name) in [("[3, 12, 1]", "3.12"), ("[3, 14, 0]", "3.14")] {
        let machine = Machine::new().with_python("chosen", version, false, false);
        fails_with(
            machine
                .xtask()
                .env("MARTLET_PYTHON", machine.path().join("chosen")),
            &[&format!("this is Python {name}"), "3.13 only"],
        );
    }
}

#[test]
fn free_threaded_python() {
    let machine = Machine::new().with_python("chosen", "[3, 13, 1]", true, false);
    fails_with(
        machine.xtask().env("MARTLET_PYTHON", "chosen"),
        &["free-threaded"],
    );
}

#[test]
fn debug_python() {
    let machine = Machine::new().with_python("chosen", "[3, 13, 1]", false, true);
    fails_with(
        machine.xtask().env("MARTLET_PYTHON", "chosen"),
        &["debug build"],
    );
}

#[test]
fn a_chosen_python_that_is_not_there() {
    let machine = Machine::new().with_good_python();
    fails_with(
        machine.xtask().env("MARTLET_PYTHON", "/nowhere/python"),
        &["MARTLET_PYTHON=/nowhere/python", "not an executable file"],
    );
}

#[test]
fn a_chosen_python_that_is_none() {
    let machine = Machine::new().with("chosen", "echo hello");
    fails_with(
        machine.xtask().env("MARTLET_PYTHON", "chosen"),
        &["does not answer as a Python would"],
    );
}

#[test]
fn an_unsuitable_python_on_the_path_is_passed_over_and_named() {
    let machine = Machine::new().with_python("python3", "[3, 11, 2]", false, false);
    fails_with(
        &mut machine.xtask(),
        &["no CPython 3.13 was found", "this is Python 3.11"],
    );
}

#[test]
fn a_target_directory_that_cannot_be_written() {
    let machine = Machine::new().with_good_python();
    let file = machine.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    fails_with(
        machine.xtask().env("CARGO_TARGET_DIR", file.join("target")),
        &["target directory", "cannot be written", "CARGO_TARGET_DIR"],
    );
}
