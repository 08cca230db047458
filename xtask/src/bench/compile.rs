//! `bench compile`: what compiling costs, per bytecode.
//!
//! Three functions of `benches/python/compile_cost.py`, of about 20, 100 and 500 bytecodes, are
//! compiled alone, synchronously, in processes of their own, in either tier. The times come from the run's
//! statistics, the instruction counts from the dumps of the IR before and after optimisation.
//! The cost of a bytecode must stay near the same from the smallest to the largest.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::package::Package;
use crate::process;
use crate::workspace::Workspace;

const FUNCTIONS: [&str; 3] = ["small", "medium", "large"];
/// As in `MARTLET_EFFORT`.
const TIERS: [&str; 2] = ["quick", "best"];
const ROUNDS: usize = 5;

/// The part of `MARTLET_STATS` that is read here.
#[derive(Debug, Deserialize)]
struct Stats {
    compile: Compile,
    code_bytes: CodeBytes,
}

#[derive(Debug, Deserialize)]
struct Compile {
    bytecodes: u64,
    frontend_ns: u64,
    optimise_ns: u64,
    emit_ns: u64,
    link_ns: u64,
}

impl Compile {
    fn total_ns(&self) -> u64 {
        self.frontend_ns + self.optimise_ns + self.emit_ns + self.link_ns
    }
}

#[derive(Debug, Deserialize)]
struct CodeBytes {
    live: u64,
    retired: u64,
    freed: u64,
}

/// Prints the table: totals first, then each column per bytecode.
pub(crate) fn bench(workspace: &Workspace) -> Result<ExitCode> {
    let python = Package::build(workspace)?.python();
    let file = workspace.root().join("benches/python/compile_cost.py");
    println!(
        "{:<8} {:<5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "function",
        "tier",
        "source",
        "bytecodes",
        "IR",
        "optimised",
        "bytes",
        "frontend",
        "optimise",
        "emit",
        "link"
    );
    for function in FUNCTIONS {
        for tier in TIERS {
            row(&Run {
                python: &python,
                file: &file,
                function,
                tier,
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the two lines of a function in a tier.
fn row(run: &Run<'_>) -> Result<()> {
    let before = run.instructions("ir")?;
    let after = run.instructions("ir-opt")?;
    let runs = (0..ROUNDS)
        .map(|_| run.stats())
        .collect::<Result<Vec<_>>>()?;
    let best = runs
        .iter()
        .min_by_key(|stats| stats.compile.total_ns())
        .context("no rounds")?;
    let compile = &best.compile;
    if compile.bytecodes == 0 {
        bail!("{} was not compiled", run.function);
    }
    let bytes = best.code_bytes.live + best.code_bytes.retired + best.code_bytes.freed;
    let count = compile.bytecodes as f64;
    let source = run.source_bytecodes()?;
    println!(
        "{:<8} {:<5} {source:>9} {:>9} {before:>9} {after:>9} {bytes:>9} {:>7}us {:>7}us {:>7}us {:>7}us",
        run.function,
        run.tier,
        compile.bytecodes,
        compile.frontend_ns / 1000,
        compile.optimise_ns / 1000,
        compile.emit_ns / 1000,
        compile.link_ns / 1000,
    );
    println!(
        "{:<14} {:>9.2} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>7.1}us {:>7.1}us {:>7.1}us {:>7.1}us",
        "  each",
        source as f64 / count,
        1,
        before as f64 / count,
        after as f64 / count,
        bytes as f64 / count,
        compile.frontend_ns as f64 / 1e3 / count,
        compile.optimise_ns as f64 / 1e3 / count,
        compile.emit_ns as f64 / 1e3 / count,
        compile.link_ns as f64 / 1e3 / count,
    );
    Ok(())
}

/// A function of the file, compiled in a tier.
struct Run<'a> {
    python: &'a Path,
    file: &'a Path,
    function: &'a str,
    tier: &'a str,
}

impl Run<'_> {
    /// The command that compiles the function and calls it.
    fn command(&self) -> Command {
        let mut command = Command::new(self.python);
        command
            .args(["-m", "martlet"])
            .arg(self.file)
            .arg(self.function)
            .env("MARTLET_ALWAYS", "1")
            .env("MARTLET_SYNC", "1")
            .env("MARTLET_ONLY", self.function)
            .env("MARTLET_EFFORT", self.tier)
            .env_remove("MARTLET");
        command
    }

    fn stats(&self) -> Result<Stats> {
        let stats = tempfile::Builder::new().suffix(".json").tempfile()?;
        process::output(self.command().env("MARTLET_STATS", stats.path()))?;
        let text = std::fs::read_to_string(stats.path())?;
        serde_json::from_str(&text)
            .with_context(|| format!("the statistics of {}: {text}", self.function))
    }

    /// How many bytecodes a function has; those translated are more, for blocks are built for several shapes.
    fn source_bytecodes(&self) -> Result<usize> {
        const COUNT: &str = "import dis, runpy, sys; \
            print(len(list(dis.get_instructions(runpy.run_path(sys.argv[1])[sys.argv[2]]))))";
        let mut command = Command::new(self.python);
        command
            .args(["-c", COUNT])
            .arg(self.file)
            .arg(self.function)
            .env_remove("MARTLET");
        let text = process::output(&mut command)?;
        let count = text.trim().parse();
        count.with_context(|| format!("the number of bytecodes of {}: {text}", self.function))
    }

    /// How many LLVM instructions stand in the dump of a stage.
    fn instructions(&self, stage: &str) -> Result<usize> {
        let folder = tempfile::tempdir()?;
        process::output(
            self.command()
                .env("MARTLET_DUMP", stage)
                .env("MARTLET_DUMP_FILTER", self.function)
                .env("MARTLET_DUMP_DIR", folder.path()),
        )?;
        let mut count = 0;
        for entry in std::fs::read_dir(folder.path())? {
            count += count_instructions(&std::fs::read_to_string(entry?.path())?);
        }
        Ok(count)
    }
}

/// Counts the instructions of the function bodies in a text of LLVM IR. In that text bodies stand
/// between `define` and `}`, an instruction begins with exactly two spaces, and the lines of a
/// switch's table are indented further.
fn count_instructions(text: &str) -> usize {
    let mut inside = false;
    let mut count = 0;
    for line in text.lines() {
        if line.starts_with("define") {
            inside = true;
        } else if line.starts_with('}') {
            inside = false;
        } else if inside && line.starts_with("  ") && !line.starts_with("   ") {
            let is_text = !matches!(line[2..].chars().next(), Some(';' | ']' | '#') | None);
            count += usize::from(is_text);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::count_instructions;

    #[test]
    fn labels_tables_and_declarations_are_no_instructions() {
        let text = "\
declare void @g()
define i64 @f(i64 %x) {
entry:                    ; no preds
  switch i64 %x, label %a [
    i64 1, label %b
  ]
a:
  ret i64 0
b:
  call void @g()
  ret i64 1
}
  ret i64 9
";
        assert_eq!(count_instructions(text), 4);
    }
}
