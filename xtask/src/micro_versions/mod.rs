//! `micro-versions`: built for one 3.13.x and run by another, both ways.
//!
//! CPython promises no layout of what the helpers look into, and some of it moves within 3.13. So the package that was
//! built for the usual interpreter is run by another 3.13.x, and one that is built for that by the usual one; each time
//! programs must print what the same interpreter prints without Martlet.
//!
//! The other interpreter is what `MARTLET_OTHER_PYTHON` names, or one that is installed, or one of Debian's ([`debian`]).
//! Where there is none, nothing is compared, which is said aloud.

mod debian;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::differential::{self, Mode};
use crate::package::Package;
use crate::process::{self, step};
use crate::python::Python;
use crate::test::Steps;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

const CHOICE: &str = "MARTLET_OTHER_PYTHON";

/// Programs for which the helpers look into every structure that they know.
const PROGRAMS: [&str; 24] = [
    "attributes",
    "buffers",
    "call_forms",
    "class_attributes",
    "closures",
    "coroutines_resumed",
    "exception_state",
    "finalisers",
    "frame_writes",
    "generators_resumed",
    "handlers_observed",
    "int_overflow",
    "iterators_meet",
    "layouts_mixed",
    "methods",
    "monitoring",
    "objects_made_inline",
    "python_getitem",
    "quick_lookups",
    "strings_and_dicts",
    "tracebacks",
    "tracing",
    "unpacking",
    "with_statements",
];

/// Tests of the extension that look into frames, code objects and entries.
const TESTS: [&str; 3] = ["test_entry_and_exits", "test_lifecycle", "test_specialised"];

/// Builds and runs; ends with one line that says how it went.
pub(crate) fn micro_versions(workspace: &Workspace) -> Result<ExitCode> {
    let toolchain = Toolchain::find_or_install()?;
    let usual = Python::find()?;
    let folder = workspace.output().join("micro-versions");
    let other = match other_than(&usual, &folder) {
        Ok(other) => other,
        Err(error) => {
            eprintln!(
                "xtask: WARNING: {error:#}\nxtask: WARNING: {usual} and another 3.13.x are NOT COMPARED"
            );
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut steps = Steps::default();
    let mut both = |built_for: &Python, run_by: &Python, output: &Path, environment: &str| {
        let name = format!("built for {built_for}, run by {run_by}");
        steps.run(&name, || {
            let package = Package::build_for(workspace, &toolchain, built_for, output)?;
            let package = package.run_by(run_by, &folder.join(environment))?;
            run(workspace, &package)
        });
    };
    both(&usual, &other, &workspace.output(), "other");
    both(&other, &usual, &folder, "usual");
    Ok(steps.finish("micro-versions"))
}

/// Another 3.13.x than this one.
fn other_than(usual: &Python, folder: &Path) -> Result<Python> {
    if let Some(path) = std::env::var_os(CHOICE).filter(|path| !path.is_empty()) {
        let other = Python::at(Path::new(&path))?;
        if other.micro() == usual.micro() {
            bail!("{CHOICE}={other} is the same version as {usual}");
        }
        return Ok(other);
    }
    if let Some(other) = usual.another_than() {
        return Ok(other);
    }
    step("laying out another CPython 3.13");
    debian::python(usual, &folder.join("debian"))
}

/// Runs tests and programs with this package, whatever it was built for.
fn run(workspace: &Workspace, package: &Package) -> Result<()> {
    let mut tests = Command::new(package.python());
    tests
        .args(["-m", "unittest"])
        .args(TESTS)
        .current_dir(workspace.root().join("crates/python/tests"))
        .env_remove("MARTLET");
    process::run(&mut tests)?;
    let modes = [Mode::Warm, Mode::WarmExitEvery(3)];
    differential::run_some(workspace, package, &PROGRAMS, &modes)
}
