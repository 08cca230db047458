//! `test`: every test there is, the ones that plain `cargo test` runs first.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::differential;
use crate::package::{self, Package};
use crate::process::{self, step};
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// The packages outside the workspace's default members, with the features of their tests. Each is
/// tested by a cargo call of its own, so that none gets features that only another asked for. The
/// extension module is not among them: it needs an interpreter around it, and is tested by Python.
const BUILT_FOR_PYTHON: [&[&str]; 2] = [
    &["-p", "martlet-helpers", "--features", "native"],
    &["-p", "martlet-compiler"],
];

/// Runs everything, goes on after a failure, and ends with one line that says how it went.
pub(crate) fn test(workspace: &Workspace) -> Result<ExitCode> {
    let python = Python::find()?;
    let toolchain = Toolchain::find_or_install()?;
    let mut steps = Steps::default();
    let has_nextest = process::output(workspace.cargo().args(["nextest", "--version"])).is_ok();
    let cargo_test = |selection: &[&str]| {
        let mut command = package::cargo(workspace, &toolchain, &python);
        if has_nextest {
            command.args(["nextest", "run"]).args(selection);
        } else {
            command.args(["test", "--all-targets"]).args(selection);
        }
        process::run(&mut command)
    };

    steps.run("cargo tests", || cargo_test(&[]));
    steps.run("documentation tests", || {
        process::run(package::cargo(workspace, &toolchain, &python).args(["test", "--doc"]))
    });
    for selection in BUILT_FOR_PYTHON {
        steps.run(&format!("tests of {}", selection[1]), || {
            cargo_test(selection)
        });
    }
    match steps.run("the package", || Package::build(workspace)) {
        Some(package) => {
            let extras = extra_packages(workspace, &python);
            steps.run("Python tests", || {
                python_tests(workspace, &package, extras.as_deref())
            });
            steps.run("differential programs", || {
                differential::run_all(workspace, &package)
            });
        }
        None => eprintln!("xtask: without the package there are no Python tests"),
    }
    Ok(steps.finish("test"))
}

/// The files `crates/python/tests/test_*.py`, by unittest, under the built package.
fn python_tests(workspace: &Workspace, package: &Package, extras: Option<&Path>) -> Result<()> {
    let folder = workspace.root().join("crates/python/tests");
    if count_tests(&folder)? == 0 {
        bail!("{} holds no test_*.py", folder.display());
    }
    let mut command = Command::new(package.python());
    command
        .args(["-m", "unittest", "discover", "--start-directory"])
        .arg(&folder)
        .env_remove("MARTLET");
    match extras {
        Some(extras) => command.env("MARTLET_TEST_PACKAGES", extras),
        None => command.env_remove("MARTLET_TEST_PACKAGES"),
    };
    process::run(&mut command)
}

/// Python packages that only tests need: one with an LLVM of its own, and a runner of tests.
const EXTRA_PACKAGES: [&str; 2] = ["llvmlite", "pytest"];

/// Installs those packages into a folder of their own, once, and returns it. Without a network or pip the tests that
/// need them are skipped, which is said aloud.
fn extra_packages(workspace: &Workspace, python: &Python) -> Option<PathBuf> {
    let folder = workspace.output().join("test-packages");
    if EXTRA_PACKAGES.iter().all(|name| folder.join(name).is_dir()) {
        return Some(folder);
    }
    step(&format!(
        "installing {} for tests",
        EXTRA_PACKAGES.join(" and ")
    ));
    let mut pip = Command::new(python.executable());
    pip.args(["-I", "-m", "pip", "install", "--quiet", "--upgrade"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--only-binary", ":all:", "--target"])
        .arg(&folder)
        .args(EXTRA_PACKAGES);
    match process::run(&mut pip) {
        Ok(()) => Some(folder),
        Err(error) => {
            eprintln!(
                "xtask: WARNING: {error:#}\nxtask: WARNING: the tests that need {} are SKIPPED",
                EXTRA_PACKAGES.join(" or ")
            );
            None
        }
    }
}

fn count_tests(folder: &Path) -> Result<usize> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("test_") && name.ends_with(".py")
        })
        .count())
}

/// Steps that were run, and which of them failed.
#[derive(Default)]
pub(crate) struct Steps {
    done: usize,
    failed: Vec<String>,
}

impl Steps {
    /// Runs one step under a heading; a failure is printed and remembered.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        step(name);
        self.done += 1;
        match work() {
            Ok(value) => Some(value),
            Err(error) => {
                eprintln!("xtask: {name}: {error:#}");
                self.failed.push(name.to_owned());
                None
            }
        }
    }

    /// Prints the last line and turns it into an exit status.
    pub(crate) fn finish(self, command: &str) -> ExitCode {
        if self.failed.is_empty() {
            eprintln!("xtask {command}: all {} steps passed", self.done);
            ExitCode::SUCCESS
        } else {
            eprintln!(
                "xtask {command}: {} of {} steps FAILED: {}",
                self.failed.len(),
                self.done,
                self.failed.join(", ")
            );
            ExitCode::FAILURE
        }
    }
}
