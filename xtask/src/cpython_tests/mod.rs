//! `cpython-tests`: CPython's own test modules, plain and compiled.
//!
//! Each module runs plain and then in each mode through `python -m test`, in a process of its own with SIGINT at its
//! default (a shell's background job would ignore it), a limit on its address space and one on
//! its time. The results are compared test by test through the JUnit file that `test` writes.
//!
//! In the other runs functions of every process are compiled, those of the library and of
//! `test` itself included; many modules start dozens of processes. Therefore what a function's request was answered is
//! shared between processes (`MARTLET_CACHE`, a folder that lives as long as this command), and code is generated with
//! little effort (`MARTLET_EFFORT=none`: helpers are called, not inlined) unless that variable says otherwise.

mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::table::{Row, Table};
use crate::junit::{self, Results};
use crate::package::Package;
use crate::process::{self, End, step, watch};
use crate::stats::Stats;
use crate::workspace::Workspace;

/// The modules that must pass exactly as under the plain interpreter.
const MODULES: [&str; 29] = [
    "test_grammar",
    "test_int",
    "test_float",
    "test_bool",
    "test_list",
    "test_tuple",
    "test_range",
    "test_call",
    "test_extcall",
    "test_scope",
    "test_funcattrs",
    "test_code",
    "test_class",
    "test_exceptions",
    "test_raise",
    "test_traceback",
    "test_frame",
    "test_sys_settrace",
    "test_sys_setprofile",
    "test_monitoring",
    "test_gc",
    "test_weakref",
    "test_signal",
    "test_threading",
    "test_fork1",
    "test_unpack",
    "test_long",
    "test_iter",
    "test_generators",
];

/// Tests of how the specialising interpreter goes about its work, with what it is of that a program in machine code does
/// not show: module, test, reason. Their results are counted, but are no differences.
const WHITE_BOX: [(&str, &str, &str); 6] = [
    (
        "test_opcache",
        "test.test_opcache.TestRacesDoNotCrash.test_binary_subscr_getitem",
        CALLEE,
    ),
    (
        "test_opcache",
        "test.test_opcache.TestRacesDoNotCrash.test_load_attr_getattribute_overridden",
        CALLEE,
    ),
    (
        "test_opcache",
        "test.test_opcache.TestRacesDoNotCrash.test_load_attr_property",
        CALLEE,
    ),
    (
        "test_type_cache",
        "test.test_type_cache.TypeCacheWithSpecializationTests.test_property_load_attr_specialization_user_type",
        CALLEE,
    ),
    ("test_dis", "test.test_dis.DisTests.test_loop_quicken", LOOP),
    (
        "test_dis",
        "test.test_dis.DisWithFileTests.test_loop_quicken",
        LOOP,
    ),
];

/// Looks for an instruction that is specialised for a Python function: one that is counted or compiled has an entry of its
/// own, for which the interpreter does not specialise.
const CALLEE: &str = "the callee has an entry of its own";
/// Looks for specialised instructions of a loop.
const LOOP: &str = "the loop runs in machine code, or has events";

const LIMIT: Duration = Duration::from_secs(900);

/// Sets what a process inherits, then becomes the interpreter it was called with.
const LAUNCH: &str = "\
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
os.execv(sys.argv[1], sys.argv[1:])
";

/// How the functions of a module are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// At the first call: what the interpreter knows nothing of is compiled generically.
    Always,
    /// At the third, for what was seen until then.
    Warm,
    /// Likewise, and every k-th guard is forced to exit.
    ExitEvery(u32),
    /// Every loop at its first back edge, where it is entered; every generator where it goes on.
    Loops,
    /// At the second call, in the background, while versions are refused, delayed, invalidated and evicted at random.
    Chaos(u64),
}

/// Those in which `--all` runs.
const MODES: [Mode; 5] = [
    Mode::Always,
    Mode::Warm,
    Mode::ExitEvery(3),
    Mode::Loops,
    Mode::Chaos(1),
];

impl Mode {
    /// The variables that make it so.
    fn variables(self) -> Vec<(&'static str, String)> {
        let at_call = |n: u32| ("MARTLET_ALWAYS", n.to_string());
        let sync = ("MARTLET_SYNC", "1".to_owned());
        match self {
            Self::Always => vec![at_call(1), sync],
            Self::Warm => vec![at_call(3), sync],
            Self::ExitEvery(k) => vec![at_call(3), sync, ("MARTLET_EXIT_EVERY", k.to_string())],
            Self::Loops => vec![("MARTLET_LOOPS", "1".to_owned()), sync],
            Self::Chaos(seed) => vec![at_call(2), ("MARTLET_CHAOS", seed.to_string())],
        }
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.split_once('-') {
            Some(("exit", k)) => Ok(Self::ExitEvery(k.parse()?)),
            Some(("chaos", seed)) => Ok(Self::Chaos(seed.parse()?)),
            None if name == "always" => Ok(Self::Always),
            None if name == "warm" => Ok(Self::Warm),
            None if name == "loops" => Ok(Self::Loops),
            _ => bail!("the modes are always, warm, exit-K, loops and chaos-SEED"),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Always => "always".to_owned(),
            Self::Warm => "warm".to_owned(),
            Self::ExitEvery(k) => format!("exit-{k}"),
            Self::Loops => "loops".to_owned(),
            Self::Chaos(seed) => format!("chaos-{seed}"),
        };
        f.pad(&name)
    }
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test modules, such as test_int; without any, the project's list
    names: Vec<String>,
    /// always (compiled at the first call), warm (at the third), exit-K (likewise, and every K-th guard exits), loops (every
    /// loop is entered at its first back edge) or chaos-SEED; without any, always
    #[arg(long = "mode")]
    modes: Vec<Mode>,
    /// Every module of the suite in every mode (or those named) that the table of the repository has no line of
    #[arg(long)]
    all: bool,
    /// Put what the modules give into the table of the repository
    #[arg(long)]
    record: bool,
}

/// What continuous integration runs, in every mode.
const PART: [&str; 10] = [
    "test_grammar",
    "test_generators",
    "test_raise",
    "test_with",
    "test_patma",
    "test_unpack",
    "test_scope",
    "test_iter",
    "test_frame",
    "test_monitoring",
];

/// Runs a part that takes some minutes, in every mode.
pub(crate) fn part(workspace: &Workspace) -> Result<ExitCode> {
    let args = Args {
        names: PART.map(str::to_owned).to_vec(),
        modes: MODES.to_vec(),
        all: false,
        record: false,
    };
    cpython_tests(workspace, &args)
}

/// Runs the named modules, or the project's list, or all, and prints every difference.
pub(crate) fn cpython_tests(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let package = Package::build(workspace)?;
    let python = package.python();
    process::output(Command::new(&python).args(["-c", "import test.libregrtest"]))
        .context("this Python came without its tests (the package `test`)")?;
    let modules = match args.names.is_empty() {
        false => args.names.clone(),
        true if args.all => all_modules(&python)?,
        true => MODULES.map(str::to_owned).to_vec(),
    };
    let modes = match args.modes.is_empty() {
        false => args.modes.clone(),
        true if args.all => MODES.to_vec(),
        true => vec![Mode::Always],
    };
    let mut table = (args.all || args.record)
        .then(|| Table::read(workspace))
        .transpose()?;
    let commit = commit(workspace)?;
    let cache = tempfile::tempdir()?;
    let effort = std::env::var("MARTLET_EFFORT").unwrap_or_else(|_| "none".to_owned());
    let mut rows = Vec::new();
    let mut sums = Stats::default();
    let mut differing = Vec::new();
    for (index, module) in modules.iter().enumerate() {
        let is_due =
            |mode: &&Mode| !args.all || table.as_ref().is_none_or(|it| !it.has(module, **mode));
        let due: Vec<Mode> = modes.iter().filter(is_due).copied().collect();
        if due.is_empty() {
            continue;
        }
        step(&format!("{}/{} {module}", index + 1, modules.len()));
        let plain = run(&python, module, None)?;
        for mode in due {
            let compiling = Compiling {
                mode,
                cache: cache.path(),
                effort: &effort,
            };
            let compiled = run(&python, module, Some(&compiling))?;
            let (differences, white_box) = compare(module, &plain, &compiled);
            let reasons = compiled.stats.interpreted.iter();
            sums.add_reasons(reasons.map(|(reason, n)| (reason, *n)));
            let row = Row {
                commit: commit.clone(),
                tests: plain.results.len(),
                differing: differences.len(),
                white_box,
                stats: compiled.stats.clone(),
                times: (plain.time.as_secs_f64(), compiled.time.as_secs_f64()),
            };
            let line = line_of(module, mode, &row);
            println!("{line}");
            rows.push(line);
            for line in &differences {
                println!("    {line}");
            }
            if !differences.is_empty() {
                differing.push(format!("{module} ({mode})"));
            }
            if let Some(table) = &mut table {
                table.record(module, mode, row)?;
            }
        }
    }
    println!(
        "\n{:22} {:8} {:>5} {:>9} {:>7} {:>10} {:>11}",
        "module", "mode", "tests", "versions", "plain s", "compiled s", "differences"
    );
    rows.iter().for_each(|row| println!("{row}"));
    println!("\nsamples that fell into the interpreter:");
    for (reason, n) in &sums.interpreted {
        println!("{n:8} {reason}");
    }
    if let Some(table) = &table {
        println!("\n{}", table.summary());
    }
    let n = rows.len();
    if differing.is_empty() {
        println!("cpython-tests: {n} runs of modules, no difference, effort {effort}");
        Ok(ExitCode::SUCCESS)
    } else {
        let names = differing.join(", ");
        let n_differing = differing.len();
        println!(
            "cpython-tests: {n_differing} of {n} runs of modules differ, effort {effort}: {names}"
        );
        Ok(ExitCode::FAILURE)
    }
}

fn line_of(module: &str, mode: Mode, row: &Row) -> String {
    let (plain, compiled) = row.times;
    let (tests, versions, differing) = (row.tests, row.stats.versions, row.differing);
    format!(
        "{module:22} {mode:8} {tests:5} {versions:9} {plain:7.1} {compiled:10.1} {differing:11}"
    )
}

/// Every module of the suite, in its own order.
fn all_modules(python: &Path) -> Result<Vec<String>> {
    let mut lister = Command::new(python);
    lister
        .args(["-m", "test", "-u", "none", "--list-tests"])
        .env_remove("MARTLET");
    let names = process::output(&mut lister)?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The commit that stands in the workspace, marked where files differ from it.
fn commit(workspace: &Workspace) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty=+", "--exclude=*"])
        .current_dir(workspace.root());
    Ok(process::output(&mut git)?.trim().to_owned())
}

/// How a run of a module compiles.
struct Compiling<'a> {
    mode: Mode,
    /// Where the processes of all runs share what the compiler answers.
    cache: &'a Path,
    /// As in `MARTLET_EFFORT`.
    effort: &'a str,
}

/// What one run of a module left behind.
struct ModuleRun {
    end: End,
    time: Duration,
    stats: Stats,
    results: Results,
    tail: String,
}

fn run(python: &Path, module: &str, compiling: Option<&Compiling<'_>>) -> Result<ModuleRun> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("results.xml");
    let stats = tempfile::tempdir()?;
    let mut command = Command::new(python);
    command
        .args(["-I", "-c", LAUNCH])
        .arg(python)
        .args(["-m", "test", "-u", "none", "--junit-xml"])
        .arg(&report)
        .arg(module)
        .current_dir(folder.path());
    for name in ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "MARTLET"] {
        command.env_remove(name);
    }
    if let Some(compiling) = compiling {
        // The launcher runs isolated but would switch Martlet on as well; `execv` passes it on.
        command
            .env("MARTLET", "1")
            .envs(compiling.mode.variables())
            .env("MARTLET_EFFORT", compiling.effort)
            .env("MARTLET_CACHE", compiling.cache)
            .env("MARTLET_STATS", stats.path().join("%p.json"));
    }
    let start = Instant::now();
    let outcome = watch(&command, LIMIT)?;
    let time = start.elapsed();
    let results = junit::read(python, &report)?;
    let ran = outcome.stdout.contains("skipped") || outcome.end.is_success();
    if compiling.is_none() && results.is_empty() && !ran {
        bail!(
            "the plain interpreter reports no test of {module} ({})\n{}{}",
            outcome.end,
            outcome.stdout,
            outcome.stderr
        );
    }
    let output = outcome.stdout + &outcome.stderr;
    let lines: Vec<&str> = output.lines().collect();
    Ok(ModuleRun {
        end: outcome.end,
        time,
        stats: Stats::of_all(stats.path()),
        results,
        tail: lines[lines.len().saturating_sub(12)..].join("\n    | "),
    })
}

/// The differences, and how many tests of the interpreter's own differ.
fn compare(module: &str, plain: &ModuleRun, compiled: &ModuleRun) -> (Vec<String>, usize) {
    let mut differences = Vec::new();
    if compiled.stats.versions == 0 {
        differences.push("nothing was compiled".to_owned());
    }
    let mut white_box = 0;
    let names = plain.results.keys().chain(compiled.results.keys());
    let names: BTreeSet<&String> = names.collect();
    for test in names {
        let result = |run: &ModuleRun| run.results.get(test).cloned();
        let (expected, found) = (result(plain), result(compiled));
        if expected == found || compiled.results.is_empty() {
            continue;
        }
        if WHITE_BOX
            .iter()
            .any(|it| (it.0, it.1) == (module, test.as_str()))
        {
            white_box += 1;
            continue;
        }
        let say = |it: Option<String>| it.unwrap_or_else(|| "did not run".to_owned());
        differences.push(format!("{test}: {}, plain {}", say(found), say(expected)));
    }
    // Where a test of the interpreter's own fails, the run does.
    if plain.end != compiled.end && (white_box == 0 || !differences.is_empty()) {
        differences.push(format!(
            "ended with {}, plain with {}\n    | {}",
            compiled.end, plain.end, compiled.tail
        ));
    }
    (differences, white_box)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn module(code: i32, results: &[(&str, &str)]) -> ModuleRun {
        ModuleRun {
            end: End::Exited(ExitStatus::from_raw(code << 8)),
            results: results
                .iter()
                .map(|(name, result)| ((*name).to_owned(), (*result).to_owned()))
                .collect(),
            time: Duration::ZERO,
            stats: Stats {
                versions: 1,
                ..Stats::default()
            },
            tail: String::new(),
        }
    }

    fn differences(plain: &ModuleRun, compiled: &ModuleRun) -> Vec<String> {
        compare("test_x", plain, compiled).0
    }

    #[test]
    fn a_run_that_compiled_nothing_proves_nothing() {
        let plain = module(0, &[("a", "ok")]);
        let idle = ModuleRun {
            stats: Stats::default(),
            ..module(0, &[("a", "ok")])
        };
        assert_eq!(differences(&plain, &idle), ["nothing was compiled"]);
    }

    #[test]
    fn equal_runs_do_not_differ() {
        let run = module(0, &[("a", "ok"), ("b", "skipped")]);
        assert!(differences(&run, &run).is_empty());
    }

    #[test]
    fn every_test_that_differs_is_named() {
        let plain = module(0, &[("a", "ok"), ("b", "ok"), ("c", "ok")]);
        let compiled = module(2, &[("a", "ok"), ("b", "failure"), ("d", "ok")]);
        let differences = differences(&plain, &compiled).join("\n");
        for line in [
            "b: failure, plain ok",
            "c: did not run, plain ok",
            "d: ok, plain did not run",
            "ended with",
        ] {
            assert!(differences.contains(line), "{differences}");
        }
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in MODES {
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        }
        assert!("exit".parse::<Mode>().is_err());
    }
}
