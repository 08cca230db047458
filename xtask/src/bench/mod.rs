//! `bench`: what is measured, and against what.

mod beside;
mod compile;
mod pyperformance;
pub(crate) mod python;
mod relink;
mod startup;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Python programs, this interpreter against itself under Martlet
    Python(python::Args),
    /// The programs of pyperformance and others of our own, under several interpreters
    Pyperformance(pyperformance::Args),
    /// What compiling costs per bytecode: instructions, bytes, microseconds of each stage
    Compile,
    /// What a relink and a call cost (criterion; without peers it needs neither LLVM nor Python)
    Relink(relink::Args),
    /// What Martlet adds to the start of the interpreter
    Startup,
    /// The compiler inside of the process and beside it: latency, memory, fork and exit
    Beside(beside::Args),
}

/// Runs one of the benchmarks.
pub(crate) fn bench(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    match &args.what {
        What::Python(args) => python::bench(workspace, args),
        What::Pyperformance(args) => pyperformance::bench(workspace, args),
        What::Compile => compile::bench(workspace),
        What::Relink(args) => relink::bench(workspace, args),
        What::Startup => startup::bench(workspace),
        What::Beside(args) => beside::bench(workspace, args),
    }
}

/// The median of at least one number.
fn median(values: &mut [f64]) -> f64 {
    assert!(!values.is_empty(), "the median of nothing");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
    }
}
