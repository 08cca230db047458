//! `cpython-tests`: CPython's own test modules, plain and with everything compiled.
//!
//! Each module runs twice through `python -m test`, in a process of its own with SIGINT at its
//! default (a shell's background job would ignore it), a limit on its address space and one on
//! its time. The results are compared test by test through the JUnit file that `test` writes.
//!
//! In the second run every function of every process is compiled at its first call, those of the library and of
//! `test` itself included; many modules start dozens of processes. Therefore what a function's request was answered is
//! shared between processes (`MARTLET_CACHE`, a folder that lives as long as this command), and code is generated with
//! little effort (`MARTLET_EFFORT=none`: helpers are called, not inlined) unless that variable says otherwise.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::package::Package;
use crate::process::{self, End, step, watch};
use crate::stats;
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

const LIMIT: Duration = Duration::from_secs(900);

/// Sets what a process inherits, then becomes the interpreter it was called with.
const LAUNCH: &str = "\
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
os.execv(sys.argv[1], sys.argv[1:])
";

/// Turns a JUnit file into JSON: test name to result.
const READ_RESULTS: &str = "\
import json, sys
from xml.etree import ElementTree
results = {}
for case in ElementTree.parse(sys.argv[1]).iter('testcase'):
    kinds = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
    results[case.get('name')] = ' '.join(kinds) or 'ok'
print(json.dumps(results))
";

type Results = BTreeMap<String, String>;

/// Runs the named modules, or the project's list, and prints every difference.
pub(crate) fn cpython_tests(workspace: &Workspace, names: &[String]) -> Result<ExitCode> {
    let package = Package::build(workspace)?;
    let python = package.python();
    process::output(Command::new(&python).args(["-c", "import test.libregrtest"]))
        .context("this Python came without its tests (the package `test`)")?;
    let modules: Vec<&str> = if names.is_empty() {
        MODULES.to_vec()
    } else {
        names.iter().map(String::as_str).collect()
    };
    let cache = tempfile::tempdir()?;
    let effort = std::env::var("MARTLET_EFFORT").unwrap_or_else(|_| "none".to_owned());
    let compiling = Compiling {
        cache: cache.path(),
        effort: &effort,
    };
    let mut rows = Vec::new();
    let mut differing = Vec::new();
    for (index, module) in modules.iter().enumerate() {
        step(&format!("{}/{} {module}", index + 1, modules.len()));
        let plain = run(&python, module, None)?;
        let compiled = run(&python, module, Some(&compiling))?;
        let differences = compare(&plain, &compiled);
        let row = format!(
            "{module:22} {:5} {:9} {:7.1} {:10.1} {:11}",
            plain.results.len(),
            compiled.compiled,
            plain.time.as_secs_f64(),
            compiled.time.as_secs_f64(),
            differences.len()
        );
        println!("{row}");
        rows.push(row);
        for line in &differences {
            println!("    {line}");
        }
        if !differences.is_empty() {
            differing.push(*module);
        }
    }
    println!(
        "\n{:22} {:>5} {:>9} {:>7} {:>10} {:>11}",
        "module", "tests", "functions", "plain s", "compiled s", "differences"
    );
    rows.iter().for_each(|row| println!("{row}"));
    let n = modules.len();
    if differing.is_empty() {
        println!("cpython-tests: {n} modules, no difference, effort {effort}");
        Ok(ExitCode::SUCCESS)
    } else {
        let names = differing.join(" ");
        let n_differing = differing.len();
        println!("cpython-tests: {n_differing} of {n} modules differ, effort {effort}: {names}");
        Ok(ExitCode::FAILURE)
    }
}

/// How the second run of a module compiles.
struct Compiling<'a> {
    /// Where the processes of all runs share what the compiler answers.
    cache: &'a Path,
    /// As in `MARTLET_EFFORT`.
    effort: &'a str,
}

/// What one run of a module left behind.
struct ModuleRun {
    end: End,
    time: Duration,
    compiled: usize,
    results: Results,
    tail: String,
}

fn run(python: &Path, module: &str, compiling: Option<&Compiling<'_>>) -> Result<ModuleRun> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("results.xml");
    let stats = folder.path().join("stats.json");
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
            .env("MARTLET_ALWAYS", "1")
            .env("MARTLET_SYNC", "1")
            .env("MARTLET_EFFORT", compiling.effort)
            .env("MARTLET_CACHE", compiling.cache)
            .env("MARTLET_STATS", &stats);
    }
    let start = Instant::now();
    let outcome = watch(&command, LIMIT)?;
    let time = start.elapsed();
    let results = if report.exists() {
        let mut reader = Command::new(python);
        reader
            .args(["-I", "-c", READ_RESULTS])
            .arg(&report)
            .env_remove("MARTLET");
        serde_json::from_str(&process::output(&mut reader)?)?
    } else {
        Results::new()
    };
    if compiling.is_none() && results.is_empty() {
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
        compiled: stats::compiled(&stats),
        results,
        tail: lines[lines.len().saturating_sub(12)..].join("\n    | "),
    })
}

fn compare(plain: &ModuleRun, compiled: &ModuleRun) -> Vec<String> {
    let mut differences = Vec::new();
    if plain.end != compiled.end {
        differences.push(format!(
            "ended with {}, plain with {}\n    | {}",
            compiled.end, plain.end, compiled.tail
        ));
    }
    if compiled.compiled == 0 {
        differences.push("nothing was compiled".to_owned());
    }
    if compiled.results.is_empty() {
        return differences;
    }
    for (test, expected) in &plain.results {
        match compiled.results.get(test) {
            Some(found) if found == expected => {}
            Some(found) => differences.push(format!("{test}: {found}, plain {expected}")),
            None => differences.push(format!("{test}: did not run, plain {expected}")),
        }
    }
    for test in compiled.results.keys() {
        if !plain.results.contains_key(test) {
            differences.push(format!("{test}: did not run plain"));
        }
    }
    differences
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
            compiled: 1,
            tail: String::new(),
        }
    }

    #[test]
    fn a_run_that_compiled_nothing_proves_nothing() {
        let plain = module(0, &[("a", "ok")]);
        let idle = ModuleRun {
            compiled: 0,
            ..module(0, &[("a", "ok")])
        };
        assert_eq!(compare(&plain, &idle), ["nothing was compiled"]);
    }

    #[test]
    fn equal_runs_do_not_differ() {
        let run = module(0, &[("a", "ok"), ("b", "skipped")]);
        assert!(compare(&run, &run).is_empty());
    }

    #[test]
    fn every_test_that_differs_is_named() {
        let plain = module(0, &[("a", "ok"), ("b", "ok"), ("c", "ok")]);
        let compiled = module(2, &[("a", "ok"), ("b", "failure")]);
        let differences = compare(&plain, &compiled).join("\n");
        assert!(
            differences.contains("b: failure, plain ok"),
            "{differences}"
        );
        assert!(differences.contains("c: did not run"), "{differences}");
        assert!(differences.contains("ended with"), "{differences}");
    }
}
