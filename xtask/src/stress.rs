//! `stress`: tests that `cargo test` runs for some seconds, for as long as it takes to be sure.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::protocols;
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
    /// The protocols of machine-code under loom and ThreadSanitizer, as continuous integration runs them
    Protocols,
}

/// Runs one of them, in release mode.
pub(crate) fn stress(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let relinks = match args.what {
        What::MachineCode { relinks } => relinks,
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
