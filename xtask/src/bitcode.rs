//! `bitcode`: a folder of C as bitcode, by the same build as everything else; without a folder, the helpers.
//!
//! The crate of the helpers is built as always; its build script leaves bitcode and a list of the functions in its output
//! folder, which cargo names. Of any other folder, `martlet-bitcode` is called here. The table shows of each function
//! the LLVM instructions of its body, the bytes of machine code it takes where it is not inlined, a hash of its
//! meaning, and its attributes. Each table is kept, so that `--diff` can say what changed.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use martlet_bitcode::Build;

use crate::package;
use crate::process::{self, step};
use crate::python::Python;
use crate::tools::{MAJOR, Toolchain};
use crate::workspace::Workspace;

/// Arguments of `bitcode`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print the LLVM IR of one function instead of the table
    #[arg(long, value_name = "NAME")]
    ir: Option<String>,
    /// Print what differs from the last table instead of the table
    #[arg(long)]
    diff: bool,
    /// A folder of C files, instead of the helpers
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Builds, verifies, and prints what is asked for.
pub(crate) fn bitcode(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let toolchain = Toolchain::find_or_install()?;
    let tables = workspace.output().join("bitcode");
    let (bitcode, kept) = match &args.dir {
        None => {
            let folder = build_helpers(workspace, &toolchain, &Python::find()?)?;
            (
                folder.join("martlet_helpers.bc"),
                tables.join("helpers.tsv"),
            )
        }
        Some(dir) => build_folder(dir, &toolchain, &tables)?,
    };
    let mut verify = Command::new(toolchain.llvm_tool("opt")?);
    process::run(
        verify
            .args(["-passes=verify", "-disable-output"])
            .arg(&bitcode),
    )?;
    if let Some(name) = &args.ir {
        print!("{}", ir_of(&toolchain, &bitcode, name)?);
        return Ok(ExitCode::SUCCESS);
    }
    let list = bitcode.with_extension("tsv");
    let list = std::fs::read_to_string(&list)
        .with_context(|| format!("cannot read {}", list.display()))?;
    let table = with_bytes(&list, &machine_bytes(&toolchain, &bitcode)?);
    if args.diff {
        let before = std::fs::read_to_string(&kept)
            .with_context(|| format!("there is no earlier table ({})", kept.display()))?;
        print!("{}", differences(&before, &table));
    } else {
        print!("{}", shown(&table));
    }
    std::fs::create_dir_all(&tables)?;
    std::fs::write(&kept, table).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds and runs the project outside of the workspace that uses `martlet-bitcode`.
pub(crate) fn consumer(
    workspace: &Workspace,
    toolchain: &Toolchain,
    python: &Python,
) -> Result<()> {
    process::run(
        package::cargo(workspace, toolchain, python)
            .args(["run", "--manifest-path"])
            .arg(workspace.root().join("consumers/bitcode/Cargo.toml"))
            .arg("--target-dir")
            .arg(workspace.output().join("consumer-bitcode")),
    )
}

/// Builds the helpers' crate and returns the output folder of its build script.
pub(crate) fn build_helpers(
    workspace: &Workspace,
    toolchain: &Toolchain,
    python: &Python,
) -> Result<PathBuf> {
    step("building the helpers");
    let mut command = package::cargo(workspace, toolchain, python);
    let output = command
        .args(["build", "--release", "-p", "martlet-helpers"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("building martlet-helpers failed");
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "build-script-executed")
        .filter(|message| {
            message["package_id"]
                .as_str()
                .is_some_and(|id| id.contains("/crates/helpers#"))
        })
        .find_map(|message| message["out_dir"].as_str().map(PathBuf::from))
        .context("the build script of martlet-helpers was not run")
}

/// Builds the C files of a folder; the bitcode, and where its table is kept.
fn build_folder(dir: &Path, toolchain: &Toolchain, tables: &Path) -> Result<(PathBuf, PathBuf)> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("there is no folder {}", dir.display()))?;
    let entries =
        std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    let name = dir.to_string_lossy().replace('/', "-");
    let out = tables.join(name.trim_start_matches('-'));
    std::fs::create_dir_all(&out)?;
    let built = Build::new("folder")
        .files(files)
        .include(&dir)
        .clang(toolchain.clang())
        .llvm(MAJOR.parse()?)
        .out_dir(&out)
        .cargo_metadata(false)
        .compile()?;
    Ok((built.bitcode, out.join("table.tsv")))
}

/// The definition of one function, as text.
fn ir_of(toolchain: &Toolchain, bitcode: &Path, name: &str) -> Result<String> {
    let mut disassemble = Command::new(toolchain.llvm_tool("llvm-dis")?);
    let text = process::output(disassemble.arg(bitcode).args(["-o", "-"]))?;
    match body(&text, name) {
        Some(body) => Ok(body),
        None => bail!("{} defines no `{name}`", bitcode.display()),
    }
}

/// One function's definition in a text of LLVM IR.
fn body(text: &str, name: &str) -> Option<String> {
    let heading = format!("@{name}(");
    let mut lines = text
        .lines()
        .skip_while(|line| !(line.starts_with("define") && line.contains(&heading)));
    let mut body = format!("{}\n", lines.next()?);
    for line in lines {
        body += line;
        body.push('\n');
        if line.starts_with('}') {
            break;
        }
    }
    Some(body)
}

/// How many bytes of machine code each function of a bitcode file takes by itself.
fn machine_bytes(toolchain: &Toolchain, file: &Path) -> Result<HashMap<String, u64>> {
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("helpers.o");
    process::run(
        Command::new(toolchain.clang())
            .args(["-O2", "-c", "-o"])
            .args([&object, file]),
    )?;
    let mut list = Command::new(toolchain.llvm_tool("llvm-nm")?);
    let symbols = process::output(list.args(["--print-size", "--defined-only"]).arg(&object))?;
    Ok(symbols.lines().filter_map(symbol_size).collect())
}

/// Reads a line of `nm --print-size`: address, size, kind, name; the numbers are hexadecimal.
fn symbol_size(line: &str) -> Option<(String, u64)> {
    let mut fields = line.split_whitespace();
    let size = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
    Some((fields.nth(1)?.to_owned(), size))
}

/// The build's list (name, file, instructions, hash, attributes; a tab between them), with bytes as the last but two.
fn with_bytes(list: &str, bytes: &HashMap<String, u64>) -> String {
    let mut table = String::new();
    for line in list.lines() {
        let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let size = bytes.get(&fields[0]).copied().unwrap_or_default();
        fields.insert(fields.len() - 2, size.to_string());
        table += &fields.join("\t");
        table.push('\n');
    }
    table
}

fn shown(table: &str) -> String {
    let mut out = format!(
        "{:<40} {:<18} {:>12} {:>6}  {:<16}  attributes\n",
        "helper", "family", "instructions", "bytes", "hash"
    );
    for line in table.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [name, file, instructions, bytes, hash, attributes] = fields[..] {
            let family = file.trim_end_matches(".c");
            let _ = writeln!(
                out,
                "{name:<40} {family:<18} {instructions:>12} {bytes:>6}  {hash}  {attributes}"
            );
        }
    }
    let _ = writeln!(out, "{} functions", table.lines().count());
    out
}

/// What came, went and changed, a line each.
fn differences(before: &str, after: &str) -> String {
    let rows = |table: &'_ str| -> BTreeMap<String, String> {
        let rows = table.lines().filter_map(|line| line.split_once('\t'));
        rows.map(|(name, rest)| (name.to_owned(), rest.replace('\t', " ")))
            .collect()
    };
    let (before, after) = (rows(before), rows(after));
    let mut out = String::new();
    for (name, row) in &before {
        match after.get(name) {
            None => {
                let _ = writeln!(out, "- {name} {row}");
            }
            Some(now) if now != row => {
                let _ = writeln!(out, "- {name} {row}\n+ {name} {now}");
            }
            Some(_) => {}
        }
    }
    for (name, row) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        let _ = writeln!(out, "+ {name} {row}");
    }
    if out.is_empty() {
        out.push_str("no difference\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_hexadecimal() {
        let line = "0000000000000010 00000000000000a4 T martlet_f";
        assert_eq!(symbol_size(line), Some(("martlet_f".to_owned(), 164)));
        assert_eq!(symbol_size("                 U malloc"), None);
    }

    #[test]
    fn a_definition_is_found_and_a_declaration_is_not() {
        let text = "declare void @a()\ndefine i64 @b(i64 %x) #0 {\n  ret i64 0\n}\n\n!0 = !{}\n";
        let found = body(text, "b").expect("it is defined");
        assert_eq!(found, "define i64 @b(i64 %x) #0 {\n  ret i64 0\n}\n");
        assert_eq!(body(text, "a"), None);
    }

    #[test]
    fn differences_are_by_function() {
        let sizes = [("f".to_owned(), 16)].into_iter().collect();
        let before = with_bytes("f\ta.c\t3\t00ff\tnosync\ng\ta.c\t1\t0001\t\n", &sizes);
        assert_eq!(
            before,
            "f\ta.c\t3\t16\t00ff\tnosync\ng\ta.c\t1\t0\t0001\t\n"
        );
        assert_eq!(differences(&before, &before), "no difference\n");
        let after = before.replace("00ff", "0100").replace("g\t", "h\t");
        assert_eq!(
            differences(&before, &after),
            "- f a.c 3 16 00ff nosync\n+ f a.c 3 16 0100 nosync\n- g a.c 1 0 0001 \n+ h a.c 1 0 0001 \n"
        );
    }
}
