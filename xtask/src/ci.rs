//! `ci`: what continuous integration runs, cheap checks first.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::bench;
use crate::bitcode;
use crate::consumers;
use crate::cpython_tests;
use crate::fuzz;
use crate::ir;
use crate::micro_versions;
use crate::package;
use crate::process;
use crate::protocols;
use crate::python::Python;
use crate::test::{self, Steps};
use crate::tidy;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// The packages that others may depend on.
const PUBLISHED: [&str; 5] = [
    "martlet-bitcode",
    "martlet-codegen",
    "martlet-engine",
    "martlet-ir",
    "martlet-machine-code",
];

/// Runs every check and ends with one line that says how it went.
pub(crate) fn ci(workspace: &Workspace) -> Result<ExitCode> {
    let python = Python::find()?;
    let toolchain = Toolchain::find_or_install()?;
    let cargo = |args: &[&str]| {
        process::run(
            package::cargo(workspace, &toolchain, &python)
                .args(args)
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    };
    // Clippy and these tests of a package with everything that it can do.
    let with_all_features = |package: &str, tests: &[&str]| {
        let package = ["-p", package, "--all-features"];
        let denied = ["--", "-D", "warnings"];
        cargo(&[&["clippy", "--all-targets"][..], &package, &denied].concat())?;
        cargo(&[&["test"][..], tests, &package].concat())
    };
    let mut steps = Steps::default();
    steps.run("formatting", || cargo(&["fmt", "--all", "--", "--check"]));
    steps.run("tidy", || succeeds(tidy::tidy(workspace)?));
    steps.run("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    });
    steps.run("clippy of the benchmarks that need LLVM", || {
        cargo(&[
            "clippy",
            "-p",
            "martlet-benches",
            "--all-targets",
            "--features",
            "llvm",
            "--",
            "-D",
            "warnings",
        ])
    });
    for package in PUBLISHED {
        steps.run(&format!("contents of {package}"), || {
            cargo(&["package", "--list", "--allow-dirty", "-p", package])
        });
    }
    steps.run("documentation", || {
        cargo(&["doc", "--no-deps", "--workspace"])
    });
    steps.run("machine-code with all features", || {
        with_all_features(
            "martlet-machine-code",
            &["--test", "ledger", "--test", "observers"],
        )
    });
    for name in consumers::WITH_RUST_ALONE {
        steps.run(&format!("consumer {name}"), || {
            consumers::run(workspace, name)
        });
    }
    steps.run("models of machine-code's protocols", || {
        protocols::loom(workspace)
    });
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        steps.run("machine-code's protocols under ThreadSanitizer", || {
            protocols::sanitize(workspace)
        });
    }
    steps.run("martlet-ir's pure parts under Miri", || ir::miri(workspace));
    steps.run("documentation of martlet-ir without LLVM", || {
        ir::documentation(workspace)
    });
    steps.run("consumer ir, of the packaged crate", || {
        ir::consumer(workspace)
    });
    steps.run("bitcode with bindgen", || {
        with_all_features("martlet-bitcode", &[])
    });
    steps.run("consumer bitcode", || {
        bitcode::consumer(workspace, &toolchain, &python)
    });
    steps.run("benchmark smoke run", || {
        succeeds(bench::python::smoke(workspace)?)
    });
    steps.run("random programs", || fuzz::smoke(workspace));
    steps.run("tests", || succeeds(test::test(workspace)?));
    steps.run("a part of CPython's own tests", || {
        succeeds(cpython_tests::part(workspace)?)
    });
    // The last: afterwards the build is one for another interpreter.
    steps.run("another 3.13.x", || {
        succeeds(micro_versions::micro_versions(workspace)?)
    });
    Ok(steps.finish("ci"))
}

fn succeeds(code: ExitCode) -> Result<()> {
    if code == ExitCode::SUCCESS {
        Ok(())
    } else {
        bail!("see above")
    }
}
