//! `stress`: tests that `cargo test` runs for some seconds, for as long as it takes to be sure.

use std::process::ExitCode;

use anyhow::Result;

use crate::package;
use crate::process;
use crate::protocols;
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// Arguments of `stress`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Relinks and frees under 1, 2 and 8 calling threads, by either strategy (needs neither LLVM nor Python)
    MachineCode {
        /// How many relinks of each kind
        #[arg(long, default_value_t = 10_000_000)]
        relinks: u64,
    },
    /// Functions that come and go, and random programs of the example language against a plain model (needs LLVM)
    Engine {
        /// How many cycles of define, compile, call, inline and drop
        #[arg(long, default_value_t = 1_000_000)]
        cycles: u64,
        /// For how long programs are tried
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// The protocols of machine-code under loom and ThreadSanitizer, as continuous integration runs them
    Protocols,
}

/// Runs one of them, in release mode.
pub(crate) fn stress(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let relinks = match args.what {
        What::MachineCode { relinks } => relinks,
        What::Engine { cycles, seconds } => return engine(workspace, cycles, seconds),
        What::Protocols => {
            protocols::loom(workspace)?;
            protocols::sanitize(workspace)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut command = workspace.cargo();
    command
        .args(["test", "--release", "-p", "martlet-machine-code"])
        .args(["--test", "stress", "--", "--nocapture"])
        .env("MARTLET_STRESS_RELINKS", relinks.to_string());
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

fn engine(workspace: &Workspace, cycles: u64, seconds: u64) -> Result<ExitCode> {
    let (python, toolchain) = (Python::find()?, Toolchain::find_or_install()?);
    for (package, test) in [("martlet-engine", "flat"), ("martlet-calc", "model")] {
        let mut command = package::cargo(workspace, &toolchain, &python);
        command
            .args(["test", "--release", "-p", package])
            .args(["--test", test, "--", "--nocapture"])
            .env("MARTLET_STRESS_CYCLES", cycles.to_string())
            .env("MARTLET_STRESS_SECONDS", seconds.to_string());
        process::run(&mut command)?;
    }
    Ok(ExitCode::SUCCESS)
}
