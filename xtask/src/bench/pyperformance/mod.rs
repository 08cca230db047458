//! `bench pyperformance`: many programs, the plain interpreter against Martlet and others.
//!
//! `benches/python/measure.py` runs one program in a fresh process and reports the CPU time of
//! each iteration, that of the threads that compile included. Each round of a program runs the
//! plain interpreter and then the others, so that a change of the machine's mood meets all; of
//! several rounds the least counts, for what disturbs only adds. Programs of our own also tell what
//! they computed, which has to be the same everywhere.

mod figures;
pub(super) mod needs;
mod programs;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use self::figures::{Figures, Report};
use self::programs::{Program, Source};
use self::table::{Compared, Row, Table};
use crate::package::Package;
use crate::process::{find_on_path, watch};
use crate::workspace::Workspace;

/// For one process; the slowest program takes half a minute.
const LIMIT: Duration = Duration::from_secs(600);

const HELP: &str = "\
A round of all programs takes 25 minutes of a quiet machine, some 9 seconds a process. The table
compares each interpreter with the plain one:

  steady    speed in the steady state, which is taken to begin after 5 CPU seconds
  first     speed of the first iteration in a fresh process
  1 s       speed from the first iteration until as much is done as the plain interpreter does in
            a second of its steady state
  memory    the largest resident size of the process (VmHWM in /proc/self/status)
  w/o comp  the largest size in the steady state, without what belongs to a compiler: resident
            pages of LLVM, of Martlet's compiler and of the libraries they bring, and the heaps
            that malloc keeps for threads other than the first, as /proc/self/smaps shows them

Times are those of the CPU, of all threads of a process, so compiling is charged. Of several rounds
the least time and the least memory count. Means are geometric, over the programs that all
interpreters ran; those of the group c, bound by C code, and our own are not part of `pure`.";

/// Arguments of `bench pyperformance`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Programs or groups (numeric objects resumable algorithms library async applications c,
    /// own-seen own-unseen or own for both); without any, all
    names: Vec<String>,
    /// Runs of each program under each interpreter
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Also write everything measured as JSON to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Another interpreter to compare with; may be given several times
    #[arg(long = "with", value_name = "NAME=PATH", value_parser = parse_interpreter)]
    others: Vec<Interpreter>,
}

/// An interpreter beside the plain one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interpreter {
    name: String,
    executable: PathBuf,
    /// Arguments in front of the program.
    under: &'static [&'static str],
}

fn parse_interpreter(text: &str) -> std::result::Result<Interpreter, String> {
    let Some((name, path)) = text.split_once('=') else {
        return Err("not of the form NAME=PATH".to_owned());
    };
    if name.is_empty() || ["plain", "martlet", "programs"].contains(&name) {
        return Err(format!("{name:?} cannot be the name of a column"));
    }
    let Some(executable) = find_on_path(path) else {
        return Err(format!("{path} is not an executable file"));
    };
    Ok(Interpreter {
        name: name.to_owned(),
        executable,
        under: &[],
    })
}

/// Runs the table; fails if a program fails, or computes something else, where the plain
/// interpreter runs it.
pub(crate) fn bench(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let own = workspace.root().join("benches/python/own");
    let programs = programs::select(programs::all(&own)?, &args.names)?;
    let bench = Bench::new(workspace, &args.others, &programs)?;
    let mut table = Table::new(bench.others.iter().map(|it| it.name.clone()).collect());
    save(&table, args)?;
    for (i, program) in programs.iter().enumerate() {
        match bench.measure(program, args.rounds) {
            Ok(row) => table.add(row),
            Err(reason) => table.skip(&program.name, in_one_line(&format!("{reason:#}"))),
        }
        save(&table, args)?;
        if programs
            .get(i + 1)
            .is_none_or(|next| next.group != program.group)
        {
            table.end_group(program.group);
        }
    }
    table.end();
    Ok(if table.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes what is known until now: the command may not live to its end.
fn save(table: &Table, args: &Args) -> Result<()> {
    let Some(path) = &args.json else {
        return Ok(());
    };
    std::fs::write(
        path,
        serde_json::to_string_pretty(&table.json(args.rounds))?,
    )
    .with_context(|| format!("cannot write {}", path.display()))
}

struct Bench {
    plain: Interpreter,
    others: Vec<Interpreter>,
    runner: PathBuf,
    pyperformance: PathBuf,
}

impl Bench {
    fn new(workspace: &Workspace, others: &[Interpreter], programs: &[Program]) -> Result<Self> {
        let python = Package::build(workspace)?.python();
        let pyperformance = workspace.output().join("pyperformance");
        if programs
            .iter()
            .any(|it| matches!(it.source, Source::Public(_)))
        {
            needs::install_pyperformance(&pyperformance)?;
        }
        let ours = |name: &str, under| Interpreter {
            name: name.to_owned(),
            executable: python.clone(),
            under,
        };
        let mut all = vec![ours("martlet", &["-m", "martlet"])];
        all.extend(others.iter().cloned());
        Ok(Self {
            plain: ours("plain", &[]),
            others: all,
            runner: workspace.root().join("benches/python/measure.py"),
            pyperformance,
        })
    }

    /// Measures one program everywhere. An error is that the plain interpreter cannot run it.
    fn measure(&self, program: &Program, rounds: u16) -> Result<Row> {
        let needs = match &program.source {
            Source::Public(public) => needs::fetch(&self.pyperformance, public.folder)?,
            Source::Own(_) => None,
        };
        let needs = needs.as_deref();
        let mut plain = Vec::new();
        let mut others: Vec<_> = self.others.iter().map(|_| Ok(Vec::new())).collect();
        for _ in 0..rounds {
            plain.push(self.run(&self.plain, program, needs)?);
            for (interpreter, reports) in self.others.iter().zip(&mut others) {
                let Ok(earlier) = reports else { continue };
                match self.run(interpreter, program, needs) {
                    Ok(report) => earlier.push(report),
                    Err(error) => *reports = Err(error),
                }
            }
        }
        let second = figures::second(&plain);
        let plain_figures = Figures::least(&plain, second);
        let compared = |reports: Vec<Report>| {
            same_results(&plain, &reports)?;
            let figures = Figures::least(&reports, second);
            let ratios = figures.against(&plain_figures);
            Ok(Compared { figures, ratios })
        };
        Ok(Row {
            program: program.clone(),
            plain: plain_figures,
            others: others
                .into_iter()
                .map(|reports| reports.and_then(compared))
                .map(|it| it.map_err(|error| in_one_line(&format!("{error:#}"))))
                .collect(),
        })
    }

    fn run(
        &self,
        interpreter: &Interpreter,
        program: &Program,
        needs: Option<&Path>,
    ) -> Result<Report> {
        let mut command = Command::new(&interpreter.executable);
        command.args(interpreter.under).arg(&self.runner);
        match &program.source {
            Source::Public(public) => command
                .arg("public")
                .arg(needs::program(&self.pyperformance, public.folder))
                .args([public.benchmark, &public.loops.to_string()])
                .args(public.arguments),
            Source::Own(path) => command.arg("own").arg(path),
        };
        command
            .env("PYTHONHASHSEED", "0")
            .env_remove("MARTLET")
            .env_remove("MEASURE_NEEDS");
        if let Some(needs) = needs {
            command.env("MEASURE_NEEDS", needs);
        }
        let outcome = watch(&command, LIMIT)?;
        if !outcome.end.is_success() {
            bail!("{}: {}", outcome.end, outcome.stderr);
        }
        Report::read(&outcome.stdout)
    }
}

fn same_results(plain: &[Report], other: &[Report]) -> Result<()> {
    let wanted = plain.iter().find_map(|report| report.result.as_deref());
    for report in plain.iter().chain(other) {
        let found = report.result.as_deref();
        ensure!(
            found == wanted,
            "computes {}, and the plain interpreter {}",
            found.unwrap_or("nothing"),
            wanted.unwrap_or("nothing")
        );
    }
    Ok(())
}

/// The beginning and the last line of a text: of a child's errors, how it ended and why.
fn in_one_line(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    match lines.next_back() {
        Some(last) => format!("{first} ... {}", last.trim()),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_has_a_name_and_an_executable_path() {
        let sh = parse_interpreter("other=/bin/sh").unwrap();
        assert_eq!(sh.name, "other");
        assert_eq!(sh.executable, Path::new("/bin/sh"));
        for bad in [
            "",
            "/bin/sh",
            "=/bin/sh",
            "martlet=/bin/sh",
            "a=/no/such/file",
            "a=",
        ] {
            assert!(parse_interpreter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_results_are_failures() {
        let report = |result: &str| {
            Report::read(&format!(
                "{{\"start\": 1, \"times\": [0.1], \"steady_from\": 0, \"peak\": 9, \"late_peak\": 9, \
                 \"compiler_files\": 0, \"thread_heaps\": 0, \"result\": {result:?}}}"
            ))
            .unwrap()
        };
        assert!(same_results(&[report("1")], &[report("1")]).is_ok());
        let error = same_results(&[report("1")], &[report("1"), report("2")]).unwrap_err();
        assert_eq!(error.to_string(), "computes 2, and the plain interpreter 1");
    }

    #[test]
    fn the_end_of_a_childs_errors_is_kept() {
        assert_eq!(
            in_one_line("exit 1: Traceback\n  File\nKeyError: 3\n\n"),
            "exit 1: Traceback ... KeyError: 3"
        );
        assert_eq!(in_one_line("signal 11: "), "signal 11: ");
    }
}
