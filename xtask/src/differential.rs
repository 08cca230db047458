//! The differential harness: CPython is the oracle.
//!
//! Every program of `crates/python/tests/differential/` runs in these modes:
//!
//! - *plain*, which is what the others are compared with;
//! - *default*, as a user runs it;
//! - *always*: everything, the standard library included, is compiled at its first call, on the
//!   caller's thread, with the least effort, since that is much code;
//! - *own*: the same with the usual effort, but of the program's own functions only;
//! - *warm*: as *own*, at the third call, when the interpreter has seen which types there are;
//! - *beside*: as *own*, with the compiler as a process of its own; only the programs of [`BESIDE`], for what is compiled
//!   is the same;
//! - *loops*: no function is compiled at a call, but every loop at its first back edge, where it is entered;
//! - *exit every k* and *warm, exit every k*: as those, and every k-th guard is forced to exit;
//! - *chaos*, which random programs meet: as *warm*, and machine code is refused, invalidated and evicted at random.
//!
//! Standard output, standard error (so tracebacks, word for word) and exit status must be those of
//! the plain run; and something must have been compiled, or the comparison would prove nothing. In
//! *default* and *loops* that is asked only of programs that say that they run long enough to get hot.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::package::Package;
use crate::process::{self, End, Outcome, step, watch};
use crate::python::Python;
use crate::stats;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// What a program says of which something must be compiled in the default mode.
const GETS_HOT: &str = "runs long enough to get hot";

/// Prints the qualified names of all code objects of a file, with commas between them.
const NAMES: &str = "\
import sys
def names(code):
    yield code.co_qualname
    for constant in code.co_consts:
        if hasattr(constant, 'co_qualname'):
            yield from names(constant)
with open(sys.argv[1]) as file:
    print(','.join(sorted(set(names(compile(file.read(), sys.argv[1], 'exec'))))))
";

/// How a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Default,
    Always,
    Own,
    Warm,
    Beside,
    Loops,
    ExitEvery(u32),
    WarmExitEvery(u32),
    Chaos(u64),
}

/// Programs that run with the compiler beside them, too: those that fork, start threads and processes, take signals and
/// descriptors; and some others.
const BESIDE: [&str; 16] = [
    "callee_redefined",
    "closures",
    "coroutines",
    "errno_in_callbacks",
    "exception_groups",
    "finalisers",
    "fork_in_thread",
    "garbage",
    "generators",
    "int_overflow",
    "no_memory",
    "processes",
    "redefined_in_threads",
    "signals",
    "subinterpreters",
    "with_statements",
];

const COMPARED: [Mode; 10] = [
    Mode::Default,
    Mode::Always,
    Mode::Own,
    Mode::Warm,
    Mode::Loops,
    Mode::ExitEvery(1),
    Mode::ExitEvery(2),
    Mode::ExitEvery(7),
    Mode::WarmExitEvery(1),
    Mode::WarmExitEvery(3),
];

impl Mode {
    /// `MARTLET_ALWAYS`: the call at which a function is compiled; none where only what is hot is.
    fn compiled_at_call(self) -> Option<u32> {
        match self {
            Self::Plain | Self::Default | Self::Loops => None,
            Self::Always | Self::Own | Self::Beside | Self::ExitEvery(_) => Some(1),
            Self::Warm | Self::WarmExitEvery(_) | Self::Chaos(_) => Some(3),
        }
    }

    /// `MARTLET_EXIT_EVERY`.
    fn exit_every(self) -> Option<u32> {
        match self {
            Self::ExitEvery(k) | Self::WarmExitEvery(k) => Some(k),
            _ => None,
        }
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.rsplit_once('-') {
            Some(("exit", k)) => Ok(Self::ExitEvery(k.parse()?)),
            Some(("warm-exit", k)) => Ok(Self::WarmExitEvery(k.parse()?)),
            Some(("chaos", seed)) => Ok(Self::Chaos(seed.parse()?)),
            None if name == "plain" => Ok(Self::Plain),
            None if name == "default" => Ok(Self::Default),
            None if name == "always" => Ok(Self::Always),
            None if name == "own" => Ok(Self::Own),
            None if name == "warm" => Ok(Self::Warm),
            None if name == "loops" => Ok(Self::Loops),
            None if name == "beside" => Ok(Self::Beside),
            _ => bail!(
                "the modes are plain, default, always, own, warm, loops, beside, exit-K, warm-exit-K and chaos-SEED"
            ),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Default => f.write_str("default"),
            Self::Always => f.write_str("always"),
            Self::Own => f.write_str("own"),
            Self::Warm => f.write_str("warm"),
            Self::Beside => f.write_str("beside"),
            Self::Loops => f.write_str("loops"),
            Self::ExitEvery(k) => write!(f, "exit every {k}"),
            Self::WarmExitEvery(k) => write!(f, "warm, exit every {k}"),
            Self::Chaos(seed) => write!(f, "chaos {seed}"),
        }
    }
}

/// Runs the named programs, or all, in the named modes, or all.
pub(crate) fn differential(
    workspace: &Workspace,
    names: &[String],
    modes: &[Mode],
) -> Result<ExitCode> {
    // That the programs are deterministic can be checked without a package.
    let python = if modes == [Mode::Plain] {
        Python::find()?.executable().to_path_buf()
    } else {
        Package::build(workspace)?.python()
    };
    let modes = if modes.is_empty() { &COMPARED } else { modes };
    Ok(match compare_all(workspace, &python, names, modes)? {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// As [`differential`] with a package that is built already; fails if a program differs.
pub(crate) fn run_all(workspace: &Workspace, package: &Package) -> Result<()> {
    run_some(workspace, package, &[], &COMPARED)?;
    run_some(workspace, package, &BESIDE, &[Mode::Beside])
}

/// As [`run_all`], of these programs, in these modes.
pub(crate) fn run_some(
    workspace: &Workspace,
    package: &Package,
    names: &[&str],
    modes: &[Mode],
) -> Result<()> {
    let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
    match compare_all(workspace, &package.python(), &names, modes)? {
        0 => Ok(()),
        failed => bail!("{failed} programs differ from the plain interpreter"),
    }
}

/// Returns how many programs differ.
fn compare_all(
    workspace: &Workspace,
    python: &Path,
    names: &[String],
    modes: &[Mode],
) -> Result<usize> {
    let programs = programs(workspace, names)?;
    step(&format!(
        "{} programs, each plain and in {} more runs",
        programs.len(),
        modes.len()
    ));
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                // Relaxed: the counter only hands out numbers, nothing is published by it.
                while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = program.file_stem().unwrap_or_default().to_string_lossy();
                    match compare(python, program, modes) {
                        Ok(problems) if problems.is_empty() => eprintln!("    ok    {name}"),
                        Ok(problems) => {
                            eprintln!("    DIFFERS {name}\n{}", problems.join("\n"));
                            failed
                                .lock()
                                .expect("no worker panics")
                                .push(name.to_string());
                        }
                        Err(error) => {
                            eprintln!("    ERROR {name}: {error:#}");
                            failed
                                .lock()
                                .expect("no worker panics")
                                .push(name.to_string());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no worker panics");
    if !failed.is_empty() {
        eprintln!("these differ: {}", failed.join(" "));
    }
    let passed = programs.len() - failed.len();
    println!("differential: {passed} passed, {} failed", failed.len());
    Ok(failed.len())
}

fn programs(workspace: &Workspace, names: &[String]) -> Result<Vec<PathBuf>> {
    let folder = workspace.root().join("crates/python/tests/differential");
    let mut programs: Vec<PathBuf> = if names.is_empty() {
        std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .collect()
    } else {
        names
            .iter()
            .map(|name| {
                let named = folder.join(name).with_extension("py");
                let path = if named.exists() {
                    named
                } else {
                    PathBuf::from(name)
                };
                path.canonicalize()
                    .with_context(|| format!("there is no program {name}"))
            })
            .collect::<Result<_>>()?
    };
    programs.sort();
    if programs.is_empty() {
        bail!("{} holds no programs", folder.display());
    }
    Ok(programs)
}

/// Runs one program in all modes; each difference is one text.
fn compare(python: &Path, program: &Path, modes: &[Mode]) -> Result<Vec<String>> {
    let (expected, _) = run(python, program, Mode::Plain, &[], LIMIT)?;
    if expected.end == End::TimedOut {
        bail!("the plain run took more than {LIMIT:?}");
    }
    let text = std::fs::read_to_string(program)?;
    let mut problems = Vec::new();
    for &mode in modes {
        let (outcome, compiled) = run(python, program, mode, &[], LIMIT)?;
        problems.extend(difference(&expected, &outcome).map(|text| format!("  {mode}: {text}")));
        let must_compile = match mode {
            Mode::Plain => false,
            Mode::Default | Mode::Loops => text.contains(GETS_HOT),
            _ => true,
        };
        if must_compile && compiled == 0 {
            problems.push(format!("  {mode}: nothing was compiled"));
        }
    }
    Ok(problems)
}

/// Runs a program in a fresh folder, with further variables in its environment; also returns how many functions were
/// compiled.
pub(crate) fn run(
    python: &Path,
    program: &Path,
    mode: Mode,
    variables: &[(&str, &str)],
    limit: Duration,
) -> Result<(Outcome, usize)> {
    let folder = tempfile::tempdir()?;
    let stats = tempfile::Builder::new().suffix(".json").tempfile()?;
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("MARTLET") || name_text.starts_with("PYTHON") {
            command.env_remove(&name);
        }
    }
    command
        .current_dir(folder.path())
        .env("PYTHONHASHSEED", "0");
    if mode != Mode::Plain {
        command
            .args(["-m", "martlet"])
            .env("MARTLET_STATS", stats.path());
    }
    if let Some(n) = mode.compiled_at_call() {
        command
            .env("MARTLET_ALWAYS", n.to_string())
            .env("MARTLET_SYNC", "1");
        if mode == Mode::Always {
            command.env("MARTLET_EFFORT", "none");
        } else {
            command.env("MARTLET_ONLY", own_names(python, program)?);
        }
    }
    if mode == Mode::Beside {
        command.env("MARTLET_BESIDE", "1");
    }
    if mode == Mode::Loops {
        command
            .env("MARTLET_LOOPS", "1")
            .env("MARTLET_SYNC", "1")
            .env("MARTLET_ONLY", own_names(python, program)?);
    }
    if let Some(k) = mode.exit_every() {
        command.env("MARTLET_EXIT_EVERY", k.to_string());
    }
    if let Mode::Chaos(seed) = mode {
        command.env("MARTLET_CHAOS", seed.to_string());
    }
    command.envs(variables.iter().copied());
    let outcome = watch(command.arg(program), limit)?;
    // What was not compiled beside the process is not what that mode is for.
    let counts = mode != Mode::Beside || stats::is_beside(stats.path());
    let compiled = if counts {
        stats::compiled(stats.path())
    } else {
        0
    };
    Ok((outcome, compiled))
}

/// The names of the program's functions, as `MARTLET_ONLY` takes them.
fn own_names(python: &Path, program: &Path) -> Result<String> {
    let mut command = Command::new(python);
    command.args(["-I", "-c", NAMES]).arg(program);
    let names = process::output(command.env_remove("MARTLET"))?;
    Ok(names.trim().to_owned())
}

/// What differs first, if anything does.
pub(crate) fn difference(expected: &Outcome, found: &Outcome) -> Option<String> {
    if expected.end != found.end {
        let tail = found.stderr.lines().last().unwrap_or_default();
        return Some(format!(
            "ended with {}, not {}; {tail}",
            found.end, expected.end
        ));
    }
    let streams = [
        ("stdout", &expected.stdout, &found.stdout),
        ("stderr", &expected.stderr, &found.stderr),
    ];
    streams.into_iter().find_map(|(name, expected, found)| {
        Some(format!("{name} {}", first_line(expected, found)?))
    })
}

fn first_line(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut expected_lines = expected.lines();
    let mut found_lines = found.lines();
    let mut number = 1;
    loop {
        match (expected_lines.next(), found_lines.next()) {
            (None, None) => return Some("differs in its line ends".to_owned()),
            (a, b) if a == b => number += 1,
            (a, b) => {
                let show = |line: Option<&str>| line.map_or("(end)".to_owned(), str::to_owned);
                return Some(format!(
                    "line {number}:\n      plain: {}\n      here:  {}",
                    show(a),
                    show(b)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn equal_texts_do_not_differ() {
        assert_eq!(first_line("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn the_first_differing_line_is_shown() {
        let text = first_line("a\nb\nc\n", "a\nx\nc\n").unwrap();
        assert!(
            text.starts_with("line 2:") && text.contains("plain: b"),
            "{text}"
        );
        let text = first_line("a\n", "a\nmore\n").unwrap();
        assert!(text.contains("plain: (end)"), "{text}");
    }

    #[test]
    fn a_missing_line_end_is_a_difference() {
        assert!(first_line("a\n", "a").is_some());
    }
}
