//! `cargo xtask`: everything one does with this workspace beyond plain cargo.
//!
//! The tool itself needs neither LLVM nor Python: it finds them, installs what may be installed,
//! says clearly what is missing, and then drives cargo and the interpreter. Every command is one
//! module; [`tools`] and [`python`] are what they share. Continuous integration runs `ci`, which
//! is made of the same commands.

#![forbid(unsafe_code)]

mod bench;
mod bitcode;
mod ci;
mod consumers;
mod cpython_tests;
mod differential;
mod dump;
mod env;
mod fuzz;
mod ir;
mod junit;
mod micro_versions;
mod package;
mod package_tests;
mod process;
mod protocols;
mod python;
mod run;
mod stats;
mod stress;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Set-up, tests, benchmarks and checks of Martlet"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build Martlet and run a Python program under it (arguments as for `python -m martlet`)
    Run {
        /// FILE.py, `-m module` or `-c code`, with the program's own arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Build Martlet and run every test
    Test,
    /// Build the helpers' bitcode alone, or that of any folder of C, and print a table of the functions
    Bitcode(bitcode::Args),
    /// Measure
    Bench(bench::Args),
    /// Run a test for much longer than `cargo test` does
    Stress(stress::Args),
    /// Run random operations and programs against models
    Fuzz(fuzz::Args),
    /// Generate the bindings of martlet-ir's shim anew
    Bindings,
    /// Run the project that uses martlet-ir as it is packaged
    ConsumerIr,
    /// Run the parts of martlet-ir that call no LLVM under Miri, where that is installed
    Miri,
    /// Print what one function is compiled to
    Dump(dump::Args),
    /// Print the shell lines after which `$MARTLET_PYTHON -m martlet` works: eval "$(cargo xtask env)"
    Env,
    /// Check the layering, where unsafe stands, and the form of the source files
    Tidy,
    /// Everything continuous integration runs
    Ci,
    /// Run CPython's own test modules plain and compiled, and print differences
    CpythonTests(cpython_tests::Args),
    /// Run the test suites of well-known packages plain and under Martlet, and keep a table of what differs
    PackageTests {
        /// Packages, such as click; without any, all
        names: Vec<String>,
    },
    /// Build for one 3.13.x and run by another, both ways
    MicroVersions,
    /// Run programs in every mode and compare what they print
    Differential {
        /// Program names in crates/python/tests/differential, or paths; without any, all
        names: Vec<String>,
        /// plain (are the programs deterministic?), default, always, own, warm, loops, beside, exit-K, warm-exit-K or chaos-SEED;
        /// without any, all but plain, beside and chaos
        #[arg(long = "mode")]
        modes: Vec<differential::Mode>,
    },
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Run { args } => run::run(&workspace, &args),
        Command::Test => test::test(&workspace),
        Command::Bitcode(args) => bitcode::bitcode(&workspace, &args),
        Command::Bench(args) => bench::bench(&workspace, &args),
        Command::Stress(args) => stress::stress(&workspace, &args),
        Command::Fuzz(args) => fuzz::fuzz(&workspace, &args),
        Command::Bindings => ir::bindings(&workspace),
        Command::ConsumerIr => ir::consumer(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Miri => ir::miri(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Dump(args) => dump::dump(&workspace, &args),
        Command::Env => env::env(&workspace),
        Command::Tidy => tidy::tidy(&workspace),
        Command::Ci => ci::ci(&workspace),
        Command::CpythonTests(args) => cpython_tests::cpython_tests(&workspace, &args),
        Command::PackageTests { names } => package_tests::package_tests(&workspace, &names),
        Command::MicroVersions => micro_versions::micro_versions(&workspace),
        Command::Differential { names, modes } => {
            differential::differential(&workspace, &names, &modes)
        }
    }
}
