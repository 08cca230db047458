//! `bench startup`: the price of being there without being needed.
//!
//! `python -m martlet -c pass` may cost 5 ms more than `python -c pass`, and maps no LLVM.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;

use super::median;
use crate::package::Package;
use crate::process;
use crate::workspace::Workspace;

const ROUNDS: usize = 40;
const ALLOWED_MS: f64 = 5.0;
const MAPS_LLVM: &str = "print(any('libLLVM' in line for line in open('/proc/self/maps')))";

/// Measures in alternation, prints medians, and fails beyond what is allowed.
pub(crate) fn bench(workspace: &Workspace) -> Result<ExitCode> {
    let python = Package::build(workspace)?.python();
    let (mut plain, mut martlet) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(milliseconds(&python, &["-c", "pass"])?);
        martlet.push(milliseconds(&python, &["-m", "martlet", "-c", "pass"])?);
    }
    let (plain, martlet) = (median(&mut plain), median(&mut martlet));
    let maps_llvm =
        process::output(Command::new(&python).args(["-m", "martlet", "-c", MAPS_LLVM]))?.trim()
            == "True";
    println!("python -c pass             {plain:6.1} ms");
    println!(
        "python -m martlet -c pass  {martlet:6.1} ms  (+{:.1})",
        martlet - plain
    );
    println!(
        "libLLVM mapped             {}",
        if maps_llvm { "yes" } else { "no" }
    );
    Ok(if martlet - plain <= ALLOWED_MS && !maps_llvm {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn milliseconds(python: &Path, args: &[&str]) -> Result<f64> {
    let start = Instant::now();
    process::run(Command::new(python).args(args).env_remove("MARTLET"))?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
