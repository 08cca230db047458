//! `fuzz`: its commands, of which two are longer runs of tests; and `fuzz python`: random programs run plain and compiled, and what they print is compared.
//!
//! `crates/python/tests/fuzz/` makes the program of a seed. It runs plain and in some of the ways of the differential
//! harness, chosen by the seed as well, so that a seed is all that is needed to see a difference again. A program that
//! differs is reduced by the package `pysource-minimize`, which asks here what still differs in the same way, and is kept
//! below `target/martlet/fuzz`. Every run of the command adds a line to the ledger, which is part of the repository.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::differential::{self, Mode};
use crate::ir;
use crate::package::{self, Package};
use crate::process::{self, End, Outcome, step};
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// What makes programs of any syntax, and what makes programs smaller.
const NEEDS: [&str; 3] = [
    "pysource-codegen==0.7.1",
    "pysource-minimize==0.10.1",
    "typing-extensions==4.16.0",
];

/// Plainly most programs take less than a tenth of a second; compiling all of one takes some seconds, where nothing else runs.
const LIMIT: Duration = Duration::from_secs(120);

/// After that long a program is small enough.
const REDUCING: Duration = Duration::from_secs(240);

/// For how long continuous integration tries, from seed 0 on.
const SMOKE: Duration = Duration::from_secs(40);

/// In how many ways each program is run.
const WAYS: u64 = 3;

/// What they are taken from, in turn.
const MODES: [Mode; 9] = [
    Mode::Own,
    Mode::Warm,
    Mode::ExitEvery(1),
    Mode::Chaos(0),
    Mode::WarmExitEvery(1),
    Mode::ExitEvery(2),
    Mode::Loops,
    Mode::Always,
    Mode::WarmExitEvery(3),
];

/// How much is optimised, in turn; `MARTLET_EFFORT`.
const EFFORTS: [&str; 8] = [
    "none", "quick", "none", "quick", "none", "quick", "none", "best",
];

/// Where a plain run says that it met a limit, which compiled code meets elsewhere.
const LIMITS: [&str; 2] = ["RecursionError", "MemoryError"];

/// Arguments of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Random operations on modules against plain models
    Ir(ir::Fuzz),
    /// Random programs, plain and compiled
    Python(Programs),
    /// Damaged bytecode: the frontend refuses or translates it
    Bytecode {
        /// How many requests are damaged
        #[arg(long, default_value_t = 100_000)]
        cases: u64,
    },
}

/// Runs one of them.
pub(crate) fn fuzz(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    match &args.what {
        What::Ir(args) => ir::fuzz(workspace, args),
        What::Python(args) => python(workspace, args),
        What::Bytecode { cases } => bytecode(workspace, *cases),
    }
}

/// Arguments of `fuzz python`.
#[derive(clap::Args)]
struct Programs {
    /// For how long programs are tried
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first program's seed; by default, the first that the ledger does not have
    #[arg(long)]
    seed: Option<u64>,
    /// How many programs at a time; by default, as many as there are processors
    #[arg(long)]
    jobs: Option<usize>,
    /// Only this many programs
    #[arg(long)]
    programs: Option<u64>,
}

/// Runs the frontend's test of damaged requests for more cases than `cargo test` does.
fn bytecode(workspace: &Workspace, cases: u64) -> Result<ExitCode> {
    let (toolchain, python) = (Toolchain::find_or_install()?, Python::find()?);
    process::run(
        package::cargo(workspace, &toolchain, &python)
            .args(["test", "--release", "-p", "martlet-frontend"])
            .args(["--test", "mutations"])
            .env("PROPTEST_CASES", cases.to_string()),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Tries programs, and writes into the ledger what came of it; fails if one differs.
fn python(workspace: &Workspace, args: &Programs) -> Result<ExitCode> {
    let package = Package::build(workspace)?;
    let fuzzer = Fuzzer::new(workspace, &package)?;
    let ledger = fuzzer.scripts.join("ledger.txt");
    let first = match args.seed {
        Some(seed) => seed,
        None => first_free(&std::fs::read_to_string(&ledger)?),
    };
    let jobs = args
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let duration = Duration::from_secs(args.minutes * 60);
    let done = fuzzer.try_programs(first, args.programs.unwrap_or(u64::MAX), duration, jobs)?;
    let commit = process::output(Command::new("git").current_dir(workspace.root()).args([
        "rev-parse",
        "--short",
        "HEAD",
    ]))?;
    let line = format!("{done} {}", commit.trim());
    let mut text = std::fs::read_to_string(&ledger)?;
    writeln!(text, "{line}")?;
    std::fs::write(&ledger, text)?;
    println!("fuzz python: {line}");
    Ok(match done.findings {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Tries the programs from seed 0 on for less than a minute.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let package = Package::build(workspace)?;
    let fuzzer = Fuzzer::new(workspace, &package)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    match fuzzer.try_programs(0, u64::MAX, SMOKE, jobs)? {
        Done { findings: 0, .. } => Ok(()),
        done => bail!("{} random programs differ", done.findings),
    }
}

/// The end of the last range of seeds in the ledger's text.
fn first_free(ledger: &str) -> u64 {
    let rows = ledger.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once(' ')?.0.split_once("..")?.1.parse().ok())
        .max()
        .unwrap_or(0)
}

/// What a run of this command did; printed as the ledger has it.
#[derive(Debug, Default)]
struct Done {
    seeds: (u64, u64),
    programs: u64,
    ways: u64,
    slow: u64,
    skipped: u64,
    minutes: f64,
    findings: u64,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, end) = self.seeds;
        write!(
            f,
            "{first}..{end} {} {} {} {} {:.1} {}",
            self.programs, self.ways, self.slow, self.skipped, self.minutes, self.findings
        )
    }
}

/// How a program is compiled.
#[derive(Debug, Clone, Copy)]
struct Way {
    mode: Mode,
    effort: &'static str,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, effort {}", self.mode, self.effort)
    }
}

/// The ways in which the program of a seed is run.
fn ways(seed: u64) -> impl Iterator<Item = Way> {
    (0..WAYS).map(move |i| {
        let turn = seed * WAYS + i;
        let mode = match MODES[turn as usize % MODES.len()] {
            Mode::Chaos(_) => Mode::Chaos(seed),
            mode => mode,
        };
        let effort = match mode {
            // That much code is compiled only with the least.
            Mode::Always => "none",
            _ => EFFORTS[(turn as usize / MODES.len()) % EFFORTS.len()],
        };
        Way { mode, effort }
    })
}

/// What is needed to try programs.
struct Fuzzer {
    /// The interpreter, with Martlet.
    python: PathBuf,
    scripts: PathBuf,
    needs: PathBuf,
    /// Where programs that differ are kept.
    kept: PathBuf,
    /// What the compiler answered is shared by all runs: they have the library, and what every program begins with, in
    /// common.
    cache: tempfile::TempDir,
}

/// What became of one program.
enum Tried {
    Skipped,
    /// So many ways were compared; in so many more it was out of time. Whether it differs in one of them.
    Compared {
        ways: u64,
        slow: u64,
        differs: bool,
    },
}

impl Fuzzer {
    fn new(workspace: &Workspace, package: &Package) -> Result<Self> {
        let needs = workspace.output().join("fuzz-needs");
        if !needs.is_dir() {
            step("fetching what makes and reduces random programs");
            Python::find()?.fetch_packages(&needs, &NEEDS)?;
        }
        let kept = workspace.output().join("fuzz");
        std::fs::create_dir_all(&kept)?;
        Ok(Self {
            python: package.python(),
            scripts: workspace.root().join("crates/python/tests/fuzz"),
            needs,
            kept,
            cache: tempfile::tempdir()?,
        })
    }

    /// Tries so many programs, or for so long.
    fn try_programs(
        &self,
        first: u64,
        programs: u64,
        duration: Duration,
        jobs: usize,
    ) -> Result<Done> {
        step(&format!("random programs from seed {first} on"));
        let start = Instant::now();
        let before = children_seconds()?;
        let next = AtomicU64::new(first);
        let done = Mutex::new(Done::default());
        let error = Mutex::new(None);
        let end = first.saturating_add(programs);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while start.elapsed() < duration {
                        // Relaxed: the counter only hands out numbers, nothing is published by it.
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= end {
                            break;
                        }
                        match self.try_program(seed) {
                            Ok(tried) => {
                                let mut done = done.lock().expect("no worker panics");
                                done.programs += 1;
                                match tried {
                                    Tried::Skipped => done.skipped += 1,
                                    Tried::Compared {
                                        ways,
                                        slow,
                                        differs,
                                    } => {
                                        done.ways += ways;
                                        done.slow += slow;
                                        done.findings += u64::from(differs);
                                    }
                                }
                            }
                            Err(failed) => {
                                *error.lock().expect("no worker panics") = Some(failed);
                                break;
                            }
                        }
                    }
                });
            }
        });
        if let Some(error) = error.into_inner().expect("no worker panics") {
            return Err(error);
        }
        let mut done = done.into_inner().expect("no worker panics");
        done.seeds = (first, first + done.programs);
        done.minutes = (children_seconds()? - before) / 60.0;
        Ok(done)
    }

    /// Runs the program of a seed; if it differs, it is reduced and kept.
    fn try_program(&self, seed: u64) -> Result<Tried> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program.py");
        self.script("write.py")
            .arg(seed.to_string())
            .arg(&program)
            .output()
            .context("cannot start the interpreter")?
            .status
            .success()
            .then_some(())
            .with_context(|| format!("there is no program of seed {seed}"))?;
        let expected = self.run(&program, None)?;
        if is_limited(&expected) {
            return Ok(Tried::Skipped);
        }
        let (mut compared, mut slow) = (0, 0);
        for way in ways(seed) {
            let found = self.run(&program, Some(way))?;
            // Compiling is not bounded by a time; that it takes too long is said, but no difference.
            if found.end == End::TimedOut {
                slow += 1;
                eprintln!("    out of time: seed {seed}: {way}");
                continue;
            }
            compared += 1;
            let Some(difference) = differential::difference(&expected, &found) else {
                continue;
            };
            if self.run(&program, None)? != expected {
                return Ok(Tried::Skipped);
            }
            eprintln!("    DIFFERS seed {seed}: {way}: {difference}");
            let name = self.kept.join(format!("{seed}.py"));
            std::fs::copy(&program, &name)?;
            let reduced = self.kept.join(format!("{seed}-reduced.py"));
            self.reduce(&program, &reduced, way, &Kind::of(&expected, &found))?;
            let mut text = std::fs::read_to_string(&reduced)?;
            write!(text, "\n# {way}: {}\n", difference.replace('\n', "\n# "))?;
            std::fs::write(&reduced, text)?;
            eprintln!("    kept as {}", reduced.display());
            return Ok(Tried::Compared {
                ways: compared,
                slow,
                differs: true,
            });
        }
        Ok(Tried::Compared {
            ways: compared,
            slow,
            differs: false,
        })
    }

    /// Makes a program smaller as long as it differs in the same kind.
    fn reduce(&self, program: &Path, reduced: &Path, way: Way, kind: &Kind) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let candidate = folder.path().join("program.py");
        let mut child = self
            .script("reduce.py")
            .arg(program)
            .arg(&candidate)
            .arg(REDUCING.as_secs().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the interpreter")?;
        let mut answers = child.stdin.take().context("no pipe")?;
        for line in BufReader::new(child.stdout.take().context("no pipe")?).lines() {
            line?;
            let answer = if self.differs(&candidate, way, kind)? {
                "yes"
            } else {
                "no"
            };
            writeln!(answers, "{answer}")?;
        }
        child.wait()?;
        std::fs::copy(&candidate, reduced).context("the program could not be reduced")?;
        Ok(())
    }

    fn differs(&self, program: &Path, way: Way, kind: &Kind) -> Result<bool> {
        let expected = self.run(program, None)?;
        if is_limited(&expected) {
            return Ok(false);
        }
        let found = self.run(program, Some(way))?;
        Ok(Kind::of(&expected, &found) == *kind && self.run(program, None)? == expected)
    }

    /// Runs a program, plainly or in one of the ways.
    fn run(&self, program: &Path, way: Option<Way>) -> Result<Outcome> {
        let cache = self.cache.path().to_string_lossy();
        let (mode, settings) = match &way {
            None => (Mode::Plain, vec![]),
            Some(Way { mode, effort }) => {
                let settings = [("MARTLET_EFFORT", *effort), ("MARTLET_CACHE", &cache)];
                (*mode, settings.to_vec())
            }
        };
        Ok(differential::run(&self.python, program, mode, &settings, LIMIT)?.0)
    }

    /// One of the scripts, in an interpreter that finds what they need.
    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(self.scripts.join(name))
            .env_remove("MARTLET")
            .env("PYTHONPATH", &self.needs)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONHASHSEED", "0");
        command
    }
}

/// Whether a plain run says nothing about what a compiled one should do.
fn is_limited(outcome: &Outcome) -> bool {
    let met = |text: &str| LIMITS.iter().any(|it| text.contains(it));
    outcome.end == End::TimedOut || met(&outcome.stdout) || met(&outcome.stderr)
}

/// In what two runs differ, roughly: it stays the same when a program is reduced.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    End(End),
    Stdout,
    Stderr,
}

impl Kind {
    fn of(expected: &Outcome, found: &Outcome) -> Self {
        if expected.end != found.end {
            Self::End(found.end)
        } else if expected.stdout != found.stdout {
            Self::Stdout
        } else if expected.stderr != found.stderr {
            Self::Stderr
        } else {
            Self::Nothing
        }
    }
}

/// The processor time of this process's children that have ended. Source: proc(5), `cutime` and `cstime`, in the ticks of
/// a hundredth of a second that Linux shows to programs everywhere.
fn children_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(')').context("no stat")?.1;
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|it| it.parse().unwrap_or(0)).sum();
    Ok(ticks as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_seed_is_the_first_that_was_not_tried() {
        assert_eq!(first_free("# seeds\n"), 0);
        let ledger = "# seeds\n0..40 40 120 0 0 3.0 0 abc\n100..150 50 150 0 1 4.0 2 abd\n";
        assert_eq!(first_free(ledger), 150);
    }

    #[test]
    fn what_was_done_is_read_back() {
        let done = Done {
            seeds: (7, 19),
            ..Done::default()
        };
        assert_eq!(first_free(&format!("{done} abc\n")), 19);
    }

    #[test]
    fn all_ways_come_up() {
        let seen: Vec<String> = (0..72).flat_map(ways).map(|way| way.to_string()).collect();
        for mode in MODES {
            let name = mode.to_string();
            let name = name.trim_end_matches(char::is_numeric);
            assert!(seen.iter().any(|way| way.starts_with(name)), "{name}");
        }
        for effort in EFFORTS {
            assert!(seen.iter().any(|way| way.ends_with(effort)), "{effort}");
        }
    }

    #[test]
    fn children_cost_time() {
        assert!(children_seconds().unwrap() >= 0.0);
    }
}
