//! `bench relink`: runs the criterion benchmark, and makes of its estimates the table and the plot that stand in the
//! README of `martlet-machine-code`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::package;
use crate::process::{self, step};
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// Arguments of `bench relink`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure LLJIT and cranelift-jit as well (needs LLVM 22)
    #[arg(long)]
    peers: bool,
    /// Measure nothing: use the estimates that are there
    #[arg(long)]
    estimates: bool,
}

const README: &str = "crates/machine-code/README.md";
const PLOT: &str = "crates/machine-code/relink.svg";
/// The table stands between these lines.
const MARKERS: [&str; 2] = [
    "<!-- made by `cargo xtask bench relink` -->",
    "<!-- end -->",
];

/// Criterion's groups, in the order of the table.
const GROUPS: [&str; 5] = [
    "call",
    "enter and leave",
    "relink p50",
    "relink p99",
    "life",
];

/// By group and row.
type Estimates = BTreeMap<(String, String), Estimate>;

/// Nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    /// Criterion's estimate of the median.
    median: f64,
    /// The fastest of its samples: the one that others disturbed least.
    fastest: f64,
}

/// Measures, and writes table and plot.
pub(crate) fn bench(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if !args.estimates {
        measure(workspace, args.peers)?;
    }
    let folder = workspace.root().join("target/criterion");
    let estimates = read(&folder)?;
    let beside = std::fs::read_to_string(folder.join("beside.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let table = table(&estimates, &beside);
    println!("{table}");
    let path = workspace.root().join(README);
    let readme = std::fs::read_to_string(&path).context("cannot read the crate's README")?;
    let readme = replace(&readme, &table).context("the README has no place for the table")?;
    std::fs::write(&path, readme).context("cannot write the crate's README")?;
    std::fs::write(workspace.root().join(PLOT), plot(&estimates))
        .context("cannot write the plot")?;
    step(&format!("wrote the table in {README}, and {PLOT}"));
    Ok(ExitCode::SUCCESS)
}

fn measure(workspace: &Workspace, peers: bool) -> Result<()> {
    let arguments = ["bench", "-p", "martlet-benches", "--bench", "relink"];
    if !peers {
        return process::run(workspace.cargo().args(arguments));
    }
    let (python, toolchain) = (Python::find()?, Toolchain::find_or_install()?);
    let mut command = package::cargo(workspace, &toolchain, &python);
    process::run(
        command
            .args(arguments)
            .args(["--features", "llvm,cranelift"]),
    )
}

/// Criterion's newest estimates: each in a folder of its own, with the names of its group and row beside it.
fn read(folder: &Path) -> Result<Estimates> {
    let mut estimates = Estimates::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        folders.extend(
            entries
                .flatten()
                .map(|it| it.path())
                .filter(|it| it.is_dir()),
        );
        if !folder.ends_with("new") {
            continue;
        }
        let json = |name: &str| -> Result<serde_json::Value> {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is odd", path.display()))
        };
        let (names, values) = (json("benchmark.json")?, json("estimates.json")?);
        let samples = json("sample.json")?;
        let group = names["group_id"].as_str().unwrap_or_default().to_owned();
        let row = ["function_id", "value_str"]
            .iter()
            .filter_map(|it| names[*it].as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let median = values["median"]["point_estimate"].as_f64();
        let numbers = |key: &str| samples[key].as_array().cloned().unwrap_or_default();
        let fastest = (numbers("times").iter().zip(&numbers("iters")))
            .filter_map(|(time, iterations)| Some(time.as_f64()? / iterations.as_f64()?))
            .min_by(f64::total_cmp);
        if let (Some(median), Some(fastest)) = (median, fastest) {
            estimates.insert((group, row), Estimate { median, fastest });
        }
    }
    Ok(estimates)
}

/// `beside` holds numbers that are not times: a call's ratio to the first of its kind, and bytes.
fn table(estimates: &Estimates, beside: &BTreeMap<String, f64>) -> String {
    let mut table =
        String::from("| what | median | fastest sample | ratio |\n|---|---:|---:|---:|\n");
    for group in GROUPS {
        for ((_, row), value) in estimates.iter().filter(|((it, _), _)| it == group) {
            let ratio = beside.get(&format!("{group}/{row}"));
            let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let (median, fastest) = (time(value.median), time(value.fastest));
            // Writing to a string does not fail.
            let _ = writeln!(table, "| {group}: {row} | {median} | {fastest} | {ratio} |");
        }
    }
    for (row, value) in beside {
        if let Some((what, who)) = row.split_once('/').filter(|(what, _)| *what != "call") {
            let _ = writeln!(table, "| memory: {what}, {who} | {value:.0} | | |");
        }
    }
    table
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        it if it < 10.0 => format!("{it:.2} ns"),
        it if it < 1_000.0 => format!("{it:.0} ns"),
        it if it < 100_000.0 => format!("{:.1} us", it / 1_000.0),
        it => format!("{:.0} us", it / 1_000.0),
    }
}

fn replace(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(MARKERS[0])?;
    let (_, after) = rest.split_once(MARKERS[1])?;
    let [begin, end] = MARKERS;
    Some(format!("{before}{begin}\n\n{table}\n{end}{after}"))
}

/// The calls as bars.
fn plot(estimates: &Estimates) -> String {
    const ROW: f64 = 20.0;
    const LEFT: f64 = 230.0;
    const WIDTH: f64 = 760.0;
    let calls: Vec<_> = estimates
        .iter()
        .filter(|((group, _), _)| group == "call")
        .map(|((_, row), value)| (row, value.fastest))
        .collect();
    let longest = calls.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let height = ROW * (calls.len() as f64 + 0.5);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n"
    );
    for (at, (row, value)) in calls.iter().enumerate() {
        let y = ROW * (at as f64 + 0.25);
        let width = value / longest * (WIDTH - LEFT - 70.0);
        let (text, end) = (y + 12.0, LEFT + width + 6.0);
        let colour = if row.contains("ArcSwap") || row.contains("JIT") || row.contains("jit") {
            "#bbb"
        } else {
            "#4a9"
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<text x=\"4\" y=\"{text}\">{row}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"15\" fill=\"{colour}\"/>\
             <text x=\"{end:.1}\" y=\"{text}\">{}</text>",
            time(*value)
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compares_and_is_put_in_its_place() {
        let key = |group: &str, row: &str| (group.to_owned(), row.to_owned());
        let estimates = Estimates::from(
            [
                (key("call", "code: direct"), 2.0),
                (key("call", "code: cell"), 2.5),
                (key("relink p50", "cell, 0 callers"), 61.4),
                (key("something else", "row"), 1.0),
            ]
            .map(|(key, fastest)| {
                let median = 2.0 * fastest;
                (key, Estimate { median, fastest })
            }),
        );
        let beside = BTreeMap::from([
            ("bytes/machine-code".to_owned(), 64.2),
            ("call/code: cell".to_owned(), 1.251),
        ]);
        let table = table(&estimates, &beside);
        let expected = "| what | median | fastest sample | ratio |\n|---|---:|---:|---:|\n\
            | call: code: cell | 5.00 ns | 2.50 ns | 1.25 |\n| call: code: direct | 4.00 ns | 2.00 ns |  |\n\
            | relink p50: cell, 0 callers | 123 ns | 61 ns |  |\n| memory: bytes, machine-code | 64 | | |\n";
        assert_eq!(table, expected);
        let [begin, end] = MARKERS;
        let readme = replace(&format!("a\n{begin}\nold\n{end}\nb"), "new\n");
        assert_eq!(readme, Some(format!("a\n{begin}\n\nnew\n\n{end}\nb")));
        assert_eq!(replace("no place", "new"), None);
    }
}
