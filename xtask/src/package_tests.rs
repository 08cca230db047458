//! `package-tests`: the test suites of well-known packages, plain and under Martlet, compared test by test.
//!
//! A suite and what it needs come from the package registry by pip, into folders below `target/martlet/package-tests`;
//! where the wheel has no tests, the source distribution has. pytest runs each suite plainly, as a user would run it under
//! Martlet, and with everything compiled at its first call, in every process that it starts. A test that differs is run
//! again with its suite, plainly as well: what is not the same twice in one way says nothing, and is counted apart. The
//! table of the latest results is a file of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::junit::{self, Results};
use crate::package::Package;
use crate::process::{self, End, step, watch};
use crate::python::Python;
use crate::stats;
use crate::workspace::Workspace;

/// For one run of one suite.
const LIMIT: Duration = Duration::from_secs(1800);

/// The table, from the workspace's root.
const TABLE: &str = "crates/python/tests/package-tests.txt";

const HEAD: &str = "\
# `cargo xtask package-tests [names]`: test suites of packages, plain and under Martlet. A row is written when its suite is run.
# tests: those that ran plainly; always, default: how many differ with everything compiled at its first call, and as a
# user runs it; unsteady: tests that were not the same twice in one way; functions: compiled ones in the mode always.
";

/// What every suite is run by.
const RUNNER: [&str; 5] = [
    "pytest==8.4.2",
    "pluggy==1.6.0",
    "iniconfig==2.1.0",
    "packaging==25.0",
    "pygments==2.19.2",
];

/// Where a suite's tests are.
enum Tests {
    /// Files or folders of the source distribution.
    Source(&'static [&'static str]),
    /// Modules that the wheel has.
    Installed(&'static [&'static str]),
}

/// A package with its tests.
struct Suite {
    name: &'static str,
    version: &'static str,
    tests: Tests,
    /// What it imports, beyond the runner.
    needs: &'static [&'static str],
    /// Further arguments of pytest.
    arguments: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite {
        name: "more-itertools",
        version: "11.2.1",
        tests: Tests::Source(&["tests"]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "sqlparse",
        version: "0.6.1",
        tests: Tests::Source(&["tests"]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "packaging",
        version: "26.4",
        tests: Tests::Source(&["tests"]),
        needs: &["pretend==1.0.9"],
        arguments: &[],
    },
    Suite {
        name: "pyparsing",
        version: "3.3.3",
        tests: Tests::Source(&["tests/test_unit.py"]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "mako",
        version: "1.4.3",
        tests: Tests::Source(&["test"]),
        needs: &["markupsafe==3.0.4"],
        arguments: &[],
    },
    Suite {
        name: "click",
        version: "8.5.1",
        tests: Tests::Source(&["tests"]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "jinja2",
        version: "3.1.6",
        tests: Tests::Source(&["tests"]),
        needs: &["markupsafe==3.0.4"],
        arguments: &[
            "--ignore=tests/test_async.py",
            "--ignore=tests/test_async_filters.py",
        ],
    },
    Suite {
        name: "greenlet",
        version: "3.5.6",
        tests: Tests::Installed(&["greenlet.tests"]),
        needs: &["objgraph==3.7.0", "psutil==7.2.2"],
        arguments: &[],
    },
    Suite {
        name: "networkx",
        version: "3.7",
        tests: Tests::Installed(&["networkx.algorithms", "networkx.classes"]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "numpy",
        version: "2.5.5",
        tests: Tests::Installed(&["numpy.lib.tests", "numpy.ma.tests"]),
        needs: &[
            "hypothesis==6.148.0",
            "sortedcontainers==2.4.0",
            "attrs==26.1.0",
        ],
        arguments: &[],
    },
    Suite {
        name: "pygments",
        version: "2.21.0",
        tests: Tests::Source(&["tests"]),
        needs: &["wcag-contrast-ratio==0.9"],
        arguments: &[],
    },
    Suite {
        name: "docutils",
        version: "0.23",
        tests: Tests::Source(&[
            "test/test_parsers",
            "test/test_transforms",
            "test/test_nodes.py",
        ]),
        needs: &[],
        arguments: &[],
    },
    Suite {
        name: "attrs",
        version: "26.1.0",
        tests: Tests::Source(&["tests"]),
        needs: &[
            "hypothesis==6.148.0",
            "sortedcontainers==2.4.0",
            "cloudpickle==3.1.2",
        ],
        arguments: &["--ignore=tests/test_mypy.yml"],
    },
    Suite {
        name: "sympy",
        version: "1.14.0",
        tests: Tests::Installed(&["sympy.core.tests", "sympy.polys.tests.test_polytools"]),
        needs: &["mpmath==1.3.0"],
        arguments: &[],
    },
];

/// How a suite is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Default,
    Always,
}

/// Runs the named suites, or all, and writes their rows into the table; fails if a test differs.
pub(crate) fn package_tests(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    for name in names {
        if !SUITES.iter().any(|it| it.name == name) {
            let known: Vec<&str> = SUITES.iter().map(|it| it.name).collect();
            bail!("there is no suite {name}; there are {}", known.join(" "));
        }
    }
    let python = Package::build(workspace)?.python();
    let table = workspace.root().join(TABLE);
    let mut differing = Vec::new();
    let chosen = |it: &&Suite| names.is_empty() || names.iter().any(|name| name == it.name);
    for suite in SUITES.iter().filter(chosen) {
        step(suite.name);
        let runner = Runner::new(workspace, &python, suite)?;
        let row = runner.compare()?;
        println!("{row}");
        let text = std::fs::read_to_string(&table).unwrap_or_default();
        std::fs::write(&table, with_row(&text, &row))?;
        if row.always + row.default > 0 {
            differing.push(suite.name);
        }
    }
    Ok(if differing.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("package-tests: these differ: {}", differing.join(" "));
        ExitCode::FAILURE
    })
}

/// A suite that is installed.
struct Runner<'a> {
    python: &'a Path,
    suite: &'a Suite,
    /// The package and what it imports.
    library: PathBuf,
    /// Where pytest is started.
    folder: PathBuf,
    /// What the compiler answered is shared by all processes of the mode `Always`.
    cache: tempfile::TempDir,
}

impl<'a> Runner<'a> {
    /// Fetches what is not there yet.
    fn new(workspace: &Workspace, python: &'a Path, suite: &'a Suite) -> Result<Self> {
        let folder = workspace.output().join("package-tests").join(suite.name);
        let library = folder.join("lib");
        let pinned = format!("{}=={}", suite.name, suite.version);
        if !library.is_dir() {
            step(&format!("fetching {pinned}"));
            let beside = folder.join("lib.new");
            _ = std::fs::remove_dir_all(&beside);
            let other = |it: &&str| it.split_once("==").is_some_and(|it| it.0 != suite.name);
            let mut wanted = vec![pinned.as_str()];
            wanted.extend(RUNNER.iter().copied().filter(|it| other(it)));
            wanted.extend(suite.needs);
            Python::find()?.fetch_packages(&beside, &wanted)?;
            std::fs::rename(&beside, &library)?;
        }
        let folder = match suite.tests {
            Tests::Source(_) => unpack(&folder, &pinned)?,
            Tests::Installed(_) => library.clone(),
        };
        Ok(Self {
            python,
            suite,
            library,
            folder,
            cache: tempfile::tempdir()?,
        })
    }

    /// Runs the suite in all modes.
    fn compare(&self) -> Result<Row> {
        let plain = self.run(Mode::Plain)?;
        if plain.results.is_empty() {
            bail!(
                "the plain interpreter reports no test of {} ({})\n{}",
                self.suite.name,
                plain.end,
                plain.tail
            );
        }
        let mut row = Row {
            name: format!("{}-{}", self.suite.name, self.suite.version),
            tests: plain.results.len(),
            ..Row::default()
        };
        let always = self.run(Mode::Always)?;
        row.functions = always.compiled;
        let default = self.run(Mode::Default)?;
        let mut unsteady = BTreeSet::new();
        let mut again = None;
        for (mode, first) in [(Mode::Always, &always), (Mode::Default, &default)] {
            let mut differ = differing(&plain.results, &first.results);
            if !differ.is_empty() {
                let second = self.run(mode)?;
                if again.is_none() {
                    again = Some(self.run(Mode::Plain)?);
                }
                let plain_again = again.as_ref().map_or(&plain.results, |it| &it.results);
                differ.retain(|test| {
                    let steady = second.results.get(test) == first.results.get(test)
                        && plain_again.get(test) == plain.results.get(test);
                    if !steady {
                        println!("    {mode:?}: {test}: not the same twice");
                        unsteady.insert(test.clone());
                    }
                    steady
                });
            }
            let mut n = differ.len();
            if first.end != plain.end && differ.is_empty() && unsteady.is_empty() {
                n += 1;
                println!(
                    "    {mode:?}: ended with {}, plain with {}\n    | {}",
                    first.end, plain.end, first.tail
                );
            }
            for test in &differ {
                let show =
                    |results: &Results| results.get(test).map_or("did not run", |it| it).to_owned();
                println!(
                    "    {mode:?}: {test}: {}, plain {}",
                    show(&first.results),
                    show(&plain.results)
                );
            }
            match mode {
                Mode::Always => row.always = n,
                _ => row.default = n,
            }
        }
        row.unsteady = unsteady.len();
        row.seconds = [plain.time, always.time, default.time].map(|it| it.as_secs());
        if row.functions == 0 {
            bail!("nothing was compiled of {}", self.suite.name);
        }
        Ok(row)
    }

    fn run(&self, mode: Mode) -> Result<SuiteRun> {
        let folder = tempfile::tempdir()?;
        let report = folder.path().join("results.xml");
        let stats = folder.path().join("stats-%p.json");
        let mut command = Command::new(self.python);
        command
            .args(["-m", "pytest", "-q", "--color=no", "-o", "addopts="])
            .args(["-p", "no:cacheprovider", "-p", "no:faulthandler"])
            .args(self.suite.arguments)
            .arg("--junit-xml")
            .arg(&report)
            .arg("--basetemp")
            .arg(folder.path().join("tmp"))
            .current_dir(&self.folder);
        match self.suite.tests {
            Tests::Source(files) => command.args(files),
            Tests::Installed(modules) => command.arg("--pyargs").args(modules),
        };
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("MARTLET") || name_text.starts_with("PYTHON") {
                command.env_remove(&name);
            }
        }
        command
            .env("PYTHONPATH", &self.library)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONHASHSEED", "0");
        if mode != Mode::Plain {
            command.env("MARTLET", "1").env("MARTLET_STATS", &stats);
        }
        if mode == Mode::Always {
            command
                .env("MARTLET_ALWAYS", "1")
                .env("MARTLET_SYNC", "1")
                .env("MARTLET_EFFORT", "none")
                .env("MARTLET_CACHE", self.cache.path());
        }
        let start = Instant::now();
        let outcome = watch(&command, LIMIT)?;
        let time = start.elapsed();
        let results = junit::read(self.python, &report)?;
        let compiled = std::fs::read_dir(folder.path())?
            .flatten()
            .map(|entry| stats::compiled(&entry.path()))
            .max()
            .unwrap_or(0);
        let output = outcome.stdout + &outcome.stderr;
        let lines: Vec<&str> = output.lines().collect();
        Ok(SuiteRun {
            end: outcome.end,
            time,
            compiled,
            results,
            tail: lines[lines.len().saturating_sub(12)..].join("\n    | "),
        })
    }
}

/// What one run of a suite left behind.
struct SuiteRun {
    end: End,
    time: Duration,
    compiled: usize,
    results: Results,
    tail: String,
}

/// The folder of a package's source distribution, which is fetched if it is not there yet.
fn unpack(folder: &Path, pinned: &str) -> Result<PathBuf> {
    let source = folder.join("source");
    if !source.is_dir() {
        step(&format!("fetching the source of {pinned}"));
        let beside = folder.join("source.new");
        _ = std::fs::remove_dir_all(&beside);
        std::fs::create_dir_all(&beside)?;
        let mut fetch = Command::new(Python::find()?.executable());
        fetch
            .args(["-I", "-m", "pip", "download", "--quiet", "--no-deps"])
            .args([
                "--no-binary",
                ":all:",
                "--disable-pip-version-check",
                "--dest",
            ])
            .arg(&beside)
            .arg(pinned);
        process::output(&mut fetch)?;
        let mut entries = std::fs::read_dir(&beside)?.flatten();
        let archive = entries.next().context("pip fetched nothing")?.path();
        let mut unpack = Command::new("tar");
        unpack
            .args(["--strip-components=1", "-xzf"])
            .arg(&archive)
            .arg("-C")
            .arg(&beside);
        process::run(&mut unpack)?;
        std::fs::rename(&beside, &source)?;
    }
    Ok(source)
}

/// The tests whose results are not the same.
fn differing(plain: &Results, found: &Results) -> BTreeSet<String> {
    let names = plain.keys().chain(found.keys());
    names
        .filter(|&name| plain.get(name) != found.get(name))
        .cloned()
        .collect()
}

/// A row of the table.
#[derive(Debug, Default)]
struct Row {
    name: String,
    tests: usize,
    always: usize,
    default: usize,
    unsteady: usize,
    functions: usize,
    /// Plain, always, default.
    seconds: [u64; 3],
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [plain, always, default] = self.seconds;
        write!(
            f,
            "{:24} {:6} {:7} {:8} {:9} {:10} {plain:8} {always:9} {default:10}",
            self.name, self.tests, self.always, self.default, self.unsteady, self.functions
        )
    }
}

/// The table's text with this row in the place of the package's earlier one.
fn with_row(text: &str, row: &Row) -> String {
    let package = |line: &str| {
        let name = line.split(' ').next().unwrap_or_default();
        name.rsplit_once('-').map(|it| it.0.to_owned())
    };
    let line = row.to_string();
    let mut rows: Vec<&str> = text
        .lines()
        .filter(|it| !it.starts_with('#') && !it.starts_with("package "))
        .filter(|it| package(it) != package(&line))
        .collect();
    rows.push(&line);
    rows.sort_unstable();
    let titles = format!(
        "{:24} {:>6} {:>7} {:>8} {:>9} {:>10} {:>8} {:>9} {:>10}",
        "package",
        "tests",
        "always",
        "default",
        "unsteady",
        "functions",
        "plain s",
        "always s",
        "default s"
    );
    format!("{HEAD}{titles}\n{}\n", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(pairs: &[(&str, &str)]) -> Results {
        let own = |it: &(&str, &str)| (it.0.to_owned(), it.1.to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn tests_that_differ_or_did_not_run_are_named() {
        let plain = results(&[("a", "ok"), ("b", "ok"), ("c", "skipped")]);
        let found = results(&[("a", "ok"), ("b", "failure"), ("d", "ok")]);
        let names: Vec<String> = differing(&plain, &found).into_iter().collect();
        assert_eq!(names, ["b", "c", "d"]);
    }

    #[test]
    fn a_row_takes_the_place_of_the_earlier_one() {
        let row = |name: &str, tests| Row {
            name: name.to_owned(),
            tests,
            ..Row::default()
        };
        let text = with_row("", &row("b-c-1.0", 3));
        let text = with_row(&text, &row("a-2.0", 5));
        let text = with_row(&text, &row("b-c-1.1", 4));
        let rows: Vec<&str> = text.lines().skip(4).collect();
        assert_eq!(rows.len(), 2, "{text}");
        assert!(
            rows[0].starts_with("a-2.0 ") && rows[1].starts_with("b-c-1.1 "),
            "{text}"
        );
    }
}
