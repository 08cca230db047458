//! The table of what CPython's test modules gave in each mode, which is kept in the repository.
//!
//! One line a module and mode, columns separated by tabs, sorted. A line is replaced when its module runs again in its
//! mode; so a run of the whole suite that was interrupted goes on where it was.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Mode;
use crate::stats::Stats;
use crate::workspace::Workspace;

const HEAD: &str = "\
# CPython's own tests, plain and compiled, test by test: `cargo xtask cpython-tests --all` writes this file, and goes on
# where it was interrupted; `--record` with names of modules replaces their lines. The modes are those of
# `cargo xtask cpython-tests --help`.
#
";

const COLUMNS: &str = "module\tmode\tcommit\ttests\tdiffering\twhite-box\tcompiled\tasked\tversions\tin machine code\tsamples\tplain s\ts";

/// What one module gave in one mode.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// The commit that was built.
    pub(crate) commit: String,
    /// Tests of the plain run, skipped ones included.
    pub(crate) tests: usize,
    /// Differences, without those of tests of the specialising interpreter itself.
    pub(crate) differing: usize,
    /// Tests of the specialising interpreter itself that differ.
    pub(crate) white_box: usize,
    /// What all processes of the run told.
    pub(crate) stats: Stats,
    /// How long the plain run took, and this one, in seconds.
    pub(crate) times: (f64, f64),
}

/// The whole table.
pub(crate) struct Table {
    path: PathBuf,
    rows: BTreeMap<(String, String), Row>,
}

impl Table {
    /// Reads the table; it may be missing.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace
            .root()
            .join("crates/python/tests/cpython-tests.tsv");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let rows = parse(&text).with_context(|| format!("{} is damaged", path.display()))?;
        Ok(Self { path, rows })
    }

    /// Whether there is a line of this module in this mode.
    pub(crate) fn has(&self, module: &str, mode: Mode) -> bool {
        self.rows
            .contains_key(&(module.to_owned(), mode.to_string()))
    }

    /// Replaces the line of this module in this mode, and writes the table.
    pub(crate) fn record(&mut self, module: &str, mode: Mode, row: Row) -> Result<()> {
        self.rows.insert((module.to_owned(), mode.to_string()), row);
        std::fs::write(&self.path, self.text())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for line in self.summary().lines() {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "#\n{COLUMNS}");
        for ((module, mode), row) in &self.rows {
            let (plain, compiled) = row.times;
            let stats = &row.stats;
            let _ = writeln!(
                text,
                "{module}\t{mode}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{plain:.1}\t{compiled:.1}",
                row.commit,
                row.tests,
                row.differing,
                row.white_box,
                stats.compiled,
                stats.asked,
                stats.versions,
                stats.in_machine_code,
                stats.samples,
            );
        }
        text
    }

    /// The sums of each mode.
    pub(crate) fn summary(&self) -> String {
        let mut modes: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for ((_, mode), row) in &self.rows {
            modes.entry(mode).or_default().push(row);
        }
        let mut text = format!(
            "{:8} {:>7} {:>6} {:>9} {:>9} {:>18} {:>15}\n",
            "mode",
            "modules",
            "tests",
            "differing",
            "white-box",
            "functions compiled",
            "in machine code"
        );
        for (mode, rows) in modes {
            let sum = |count: fn(&Row) -> u64| rows.iter().map(|it| count(it)).sum::<u64>();
            let share = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
            let functions = share(sum(|it| it.stats.compiled), sum(|it| it.stats.asked));
            let time = share(
                sum(|it| it.stats.in_machine_code),
                sum(|it| it.stats.samples),
            );
            let _ = writeln!(
                text,
                "{mode:8} {:7} {:6} {:9} {:9} {functions:16.2} % {time:13.2} %",
                rows.len(),
                sum(|it| it.tests as u64),
                sum(|it| it.differing as u64),
                sum(|it| it.white_box as u64),
            );
        }
        text
    }
}

fn parse(text: &str) -> Result<BTreeMap<(String, String), Row>> {
    let lines = text
        .lines()
        .filter(|it| !it.starts_with('#') && *it != COLUMNS);
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [
                module,
                mode,
                commit,
                tests,
                differing,
                white_box,
                compiled,
                asked,
                versions,
                in_machine_code,
                samples,
                plain,
                time,
            ] = fields[..]
            else {
                anyhow::bail!("a line of {} columns: {line}", fields.len());
            };
            let row = Row {
                commit: commit.to_owned(),
                tests: tests.parse()?,
                differing: differing.parse()?,
                white_box: white_box.parse()?,
                stats: Stats {
                    compiled: compiled.parse()?,
                    asked: asked.parse()?,
                    versions: versions.parse()?,
                    in_machine_code: in_machine_code.parse()?,
                    samples: samples.parse()?,
                    ..Stats::default()
                },
                times: (plain.parse()?, time.parse()?),
            };
            Ok(((module.to_owned(), mode.to_owned()), row))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str, usize)]) -> Table {
        let row = |differing| Row {
            commit: "abc".to_owned(),
            tests: 10,
            differing,
            stats: Stats {
                compiled: 3,
                asked: 4,
                versions: 5,
                in_machine_code: 1,
                samples: 2,
                ..Stats::default()
            },
            times: (1.0, 2.5),
            ..Row::default()
        };
        let rows = rows.iter().map(|(module, mode, differing)| {
            (((*module).to_owned(), (*mode).to_owned()), row(*differing))
        });
        Table {
            path: PathBuf::new(),
            rows: rows.collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let table = table(&[("test_a", "always", 0), ("test_b", "loops", 2)]);
        assert_eq!(parse(&table.text()).unwrap(), table.rows);
    }

    #[test]
    fn each_mode_is_summed() {
        let summary = table(&[("test_a", "always", 1), ("test_b", "always", 2)]).summary();
        let always = summary.lines().find(|it| it.starts_with("always")).unwrap();
        let words: Vec<&str> = always.split_whitespace().collect();
        assert_eq!(
            words,
            ["always", "2", "20", "3", "0", "75.00", "%", "50.00", "%"]
        );
    }

    #[test]
    fn a_line_that_is_cut_is_an_error() {
        assert!(parse("test_a\talways\tabc\n").is_err());
    }
}
