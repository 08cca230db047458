//! `bench beside`: what it costs, and what it saves, to have the compiler as a process of its own.
//!
//! `benches/python/beside.py` is run without Martlet's compiling, with the compiler inside of the process, and with it
//! beside, in alternation; the table has the medians. Memory is that of the Python processes, and of all processes
//! together, as the kernel shares it out (PSS: a page that n processes have counts 1/n in each; so whoever else has
//! LLVM's files mapped at the time makes those of its pages look smaller).

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::median;
use crate::package::Package;
use crate::process::watch;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(120);
const WORKERS: [u32; 2] = [1, 4];
/// As in `MARTLET_EFFORT`.
const TIERS: [&str; 2] = ["quick", "best"];

/// Arguments of `bench beside`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs of each program in each mode
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// Where the compiler is, as the environment says it.
#[derive(Clone, Copy)]
struct Mode {
    name: &'static str,
    switch: (&'static str, &'static str),
}

const MODES: [Mode; 3] = [
    Mode {
        name: "off",
        switch: ("MARTLET_OFF", "1"),
    },
    Mode {
        name: "inside",
        switch: ("MARTLET_BESIDE", "0"),
    },
    Mode {
        name: "beside",
        switch: ("MARTLET_BESIDE", "1"),
    },
];

#[derive(Deserialize)]
struct Latency {
    first: f64,
    small: Vec<f64>,
    medium: Vec<f64>,
    large: Vec<f64>,
}

#[derive(Deserialize)]
struct Memory {
    processes: Vec<Size>,
    compilers: Vec<Size>,
}

#[derive(Deserialize)]
struct Size {
    rss: f64,
    pss: f64,
}

#[derive(Deserialize)]
struct Forks {
    forks: Vec<f64>,
    done: f64,
}

/// Prints the tables.
pub(crate) fn bench(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if args.rounds == 0 {
        bail!("nothing to measure");
    }
    let bench = Bench {
        python: Package::build(workspace)?.python(),
        program: workspace.root().join("benches/python/beside.py"),
        rounds: args.rounds,
    };
    bench.latency()?;
    bench.memory()?;
    bench.forks()?;
    Ok(ExitCode::SUCCESS)
}

struct Bench {
    python: PathBuf,
    program: PathBuf,
    rounds: usize,
}

impl Bench {
    fn latency(&self) -> Result<()> {
        println!(
            "{:<28} {:>9} {:>9} {:>9} {:>9}",
            "milliseconds of a compile", "the first", "small", "medium", "large"
        );
        for tier in TIERS {
            let rows = self.interleaved(&MODES[1..], |mode| {
                let mut run: Latency = self.run(mode, &["latency"], tier)?.0;
                let each = [&mut run.small, &mut run.medium, &mut run.large].map(|it| median(it));
                Ok([run.first, each[0], each[1], each[2]])
            })?;
            for (mode, [first, small, medium, large]) in rows {
                println!(
                    "{:<28} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
                    format!("{tier}, {}", mode.name),
                    first * 1e3,
                    small * 1e3,
                    medium * 1e3,
                    large * 1e3
                );
            }
        }
        Ok(())
    }

    fn memory(&self) -> Result<()> {
        println!(
            "{:<28} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "MiB after compiling", "RSS each", "PSS each", "compiler", "all PSS", "compilers"
        );
        for n_workers in [0].into_iter().chain(WORKERS) {
            let rows = self.interleaved(&MODES, |mode| {
                let workers = n_workers.to_string();
                let run: Memory = self.run(mode, &["memory", &workers], "best")?.0;
                let n = run.processes.len() as f64;
                let sum = |of: fn(&Size) -> f64, sizes: &[Size]| {
                    sizes.iter().map(of).fold(0.0, |sum, it| sum + it)
                };
                let pss = sum(|it| it.pss, &run.processes);
                let compiler = sum(|it| it.pss, &run.compilers);
                let n_compilers = run.compilers.len() as f64;
                let rss = sum(|it| it.rss, &run.processes);
                Ok([rss / n, pss / n, compiler, pss + compiler, n_compilers])
            })?;
            let what = match n_workers {
                0 => "one process".to_owned(),
                n => format!("{n} forked"),
            };
            for (mode, [rss, pss, compiler, all, n_compilers]) in rows {
                println!(
                    "{:<28} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9}",
                    format!("{what}, {}", mode.name),
                    rss / 1024.0,
                    pss / 1024.0,
                    compiler / 1024.0,
                    all / 1024.0,
                    n_compilers
                );
            }
        }
        Ok(())
    }

    fn forks(&self) -> Result<()> {
        println!(
            "{:<28} {:>9} {:>9}",
            "milliseconds after compiling", "fork", "exit"
        );
        let rows = self.interleaved(&MODES, |mode| {
            let (mut run, end): (Forks, f64) = self.run(mode, &["fork"], "best")?;
            Ok([median(&mut run.forks), end - run.done])
        })?;
        for (mode, [fork, exit]) in rows {
            println!("{:<28} {:>9.2} {:>9.2}", mode.name, fork * 1e3, exit * 1e3);
        }
        Ok(())
    }

    /// Measures each mode in turn, so often, and answers the medians of each number.
    fn interleaved<const N: usize>(
        &self,
        modes: &[Mode],
        measure: impl Fn(Mode) -> Result<[f64; N]>,
    ) -> Result<Vec<(Mode, [f64; N])>> {
        let mut runs: Vec<Vec<[f64; N]>> = vec![Vec::new(); modes.len()];
        for _ in 0..self.rounds {
            for (mode, runs) in modes.iter().zip(&mut runs) {
                runs.push(measure(*mode)?);
            }
        }
        let medians = runs.iter().map(|runs| {
            std::array::from_fn(|i| median(&mut runs.iter().map(|it| it[i]).collect::<Vec<_>>()))
        });
        Ok(modes.iter().copied().zip(medians).collect())
    }

    /// Runs the program; answers what it reports, and when it had ended, in seconds of the epoch.
    fn run<T: DeserializeOwned>(
        &self,
        mode: Mode,
        arguments: &[&str],
        tier: &str,
    ) -> Result<(T, f64)> {
        let mut command = Command::new(&self.python);
        command
            .arg(&self.program)
            .args(arguments)
            .env_remove("MARTLET")
            .env("MARTLET_ONLY", "small,medium,large")
            .env("MARTLET_EFFORT", tier)
            .env(mode.switch.0, mode.switch.1);
        let outcome = watch(&command, LIMIT)?;
        let end = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        if !outcome.end.is_success() {
            bail!(
                "{} {arguments:?}: {}\n{}",
                mode.name,
                outcome.end,
                outcome.stderr
            );
        }
        let report = serde_json::from_str(outcome.stdout.trim());
        let report = report.with_context(|| format!("no report: {}", outcome.stdout))?;
        Ok((report, end))
    }
}
