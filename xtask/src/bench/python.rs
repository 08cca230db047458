//! `bench python`: this interpreter against itself under Martlet.
//!
//! `benches/python/runner.py` runs one program in one process for a number of iterations and
//! reports CPU times: of the whole process, of the first iteration, and the median of the second
//! half of the iterations, which is the steady state. Plain and Martlet's processes alternate, so
//! that a change of the machine's mood meets both; the table shows the medians of the ratios of
//! neighbours. The public programs are taken from the `pyperformance` package, as they are.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::median;
use super::pyperformance::needs::install_pyperformance;
use crate::package::Package;
use crate::process::watch;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(600);

/// Arguments of `bench python`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Programs by name; without any, all
    names: Vec<String>,
    /// Pairs of runs of each program
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Also write the table as JSON to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A program of the table: how `runner.py` knows it, how many iterations a process runs, and the
/// least steady-state ratio asked of it.
struct Program {
    name: &'static str,
    iterations: u32,
    wanted: f64,
}

const fn program(name: &'static str, iterations: u32, wanted: f64) -> Program {
    Program {
        name,
        iterations,
        wanted,
    }
}

/// None may be slower than this.
const FLOOR: f64 = 0.95;

/// Iterations are such that the interpreter takes about three seconds: that is the whole program.
const PROGRAMS: [Program; 21] = [
    program("int_loop", 60, 30.0),
    program("mandelbrot", 150, 10.0),
    program("fib", 150, 3.0),
    program("sieve", 120, 4.0),
    program("matmul", 150, 5.0),
    program("module_loop", 60, FLOOR),
    program("nbody", 60, 3.0),
    program("fannkuch", 14, FLOOR),
    program("spectral_norm", 50, 8.0),
    program("scimark_sor", 30, FLOOR),
    program("scimark_sparse_mat_mult", 70, FLOOR),
    program("scimark_monte_carlo", 60, FLOOR),
    program("scimark_lu", 30, FLOOR),
    program("scimark_fft", 16, FLOOR),
    program("float", 50, FLOOR),
    program("nqueens", 45, FLOOR),
    program("variants.int_loop", 30, 30.0),
    program("variants.mandelbrot", 60, 10.0),
    program("variants.fib", 100, 3.0),
    program("variants.sieve", 150, 4.0),
    program("variants.matmul", 200, 5.0),
];

/// CPU seconds of one process, as `runner.py` reports them.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Times {
    whole: f64,
    first: f64,
    steady: f64,
}

/// Median ratios of one program, plain over Martlet's: above 1 is faster.
#[derive(Debug, Clone, Copy)]
struct Row {
    plain_ms: f64,
    whole: f64,
    first: f64,
    steady: f64,
}

/// Runs the table; fails if a program misses what is asked of it.
pub(crate) fn bench(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let programs: Vec<&Program> = PROGRAMS
        .iter()
        .filter(|program| args.names.is_empty() || args.names.iter().any(|n| n == program.name))
        .collect();
    if programs.is_empty() || args.rounds == 0 {
        let known: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        bail!("nothing to measure; the programs are {}", known.join(" "));
    }
    let bench = Bench::new(workspace, !all_ours(&programs))?;
    println!(
        "{:<24} {:>9} {:>8} {:>8} {:>8} {:>7}",
        "program", "plain ms", "whole", "first", "steady", "asked"
    );
    let mut missed = Vec::new();
    let mut json = serde_json::Map::new();
    for program in programs {
        let row = bench.measure(program, program.iterations, args.rounds)?;
        println!(
            "{:<24} {:>9.2} {:>7.2}x {:>7.2}x {:>7.2}x {:>6}x",
            program.name, row.plain_ms, row.whole, row.first, row.steady, program.wanted
        );
        if row.steady < program.wanted {
            missed.push(program.name);
        }
        json.insert(
            program.name.to_owned(),
            serde_json::json!({
                "plain_ms": row.plain_ms, "whole": row.whole,
                "first": row.first, "steady": row.steady,
            }),
        );
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&json)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if missed.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        println!("below what is asked: {}", missed.join(" "));
        Ok(ExitCode::FAILURE)
    }
}

/// One short pair of runs of one program: that the machinery works, not what it gains.
pub(crate) fn smoke(workspace: &Workspace) -> Result<ExitCode> {
    let bench = Bench::new(workspace, false)?;
    let row = bench.measure(&PROGRAMS[0], 4, 1)?;
    println!("{}: steady state {:.2}x", PROGRAMS[0].name, row.steady);
    Ok(ExitCode::SUCCESS)
}

fn all_ours(programs: &[&Program]) -> bool {
    const OURS: [&str; 6] = [
        "int_loop",
        "mandelbrot",
        "fib",
        "sieve",
        "matmul",
        "module_loop",
    ];
    programs.iter().all(|program| OURS.contains(&program.name))
}

struct Bench {
    python: PathBuf,
    runner: PathBuf,
    pyperformance: PathBuf,
}

impl Bench {
    fn new(workspace: &Workspace, with_pyperformance: bool) -> Result<Self> {
        let package = Package::build(workspace)?;
        let pyperformance = workspace.output().join("pyperformance");
        if with_pyperformance {
            install_pyperformance(&pyperformance)?;
        }
        Ok(Self {
            python: package.python(),
            runner: workspace.root().join("benches/python/runner.py"),
            pyperformance,
        })
    }

    fn measure(&self, program: &Program, iterations: u32, rounds: usize) -> Result<Row> {
        let (mut plain_ms, mut whole) = (Vec::new(), Vec::new());
        let (mut first, mut steady) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let plain = self.run(program, iterations, &[])?;
            let martlet = self.run(program, iterations, &["-m", "martlet"])?;
            plain_ms.push(plain.steady * 1e3);
            whole.push(plain.whole / martlet.whole);
            first.push(plain.first / martlet.first);
            steady.push(plain.steady / martlet.steady);
        }
        Ok(Row {
            plain_ms: median(&mut plain_ms),
            whole: median(&mut whole),
            first: median(&mut first),
            steady: median(&mut steady),
        })
    }

    fn run(&self, program: &Program, iterations: u32, under: &[&str]) -> Result<Times> {
        let mut command = Command::new(&self.python);
        command
            .args(under)
            .arg(&self.runner)
            .args([program.name, &iterations.to_string()])
            .env("MARTLET_PYPERFORMANCE", &self.pyperformance)
            .env("PYTHONHASHSEED", "0")
            .env_remove("MARTLET");
        let outcome = watch(&command, LIMIT)?;
        if !outcome.end.is_success() {
            bail!("{}: {}\n{}", program.name, outcome.end, outcome.stderr);
        }
        let last = outcome.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .with_context(|| format!("{} reported no times: {last}", program.name))
    }
}
