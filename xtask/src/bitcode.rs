//! `bitcode`: the helpers' bitcode alone, by the same build as everything else.
//!
//! The crate of the helpers is built as always; its build script leaves the bitcode in its output
//! folder, which cargo names. The table shows of each helper the LLVM instructions of its body,
//! the bytes of machine code it takes where it is not inlined, and a hash of the body's text: what
//! changed is seen by comparing two tables.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::bench::count_instructions;
use crate::package;
use crate::process::{self, step};
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// Builds, copies the files into `dir` if it is given, and prints the table.
pub(crate) fn bitcode(workspace: &Workspace, dir: Option<&Path>) -> Result<ExitCode> {
    let python = Python::find()?;
    let toolchain = Toolchain::find_or_install()?;
    let folder = build(workspace, &toolchain, &python)?;
    let mut files = bitcode_files(&folder)?;
    files.sort();
    if files.is_empty() {
        bail!("{} holds no bitcode", folder.display());
    }
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for file in &files {
            let to = dir.join(file.file_name().unwrap_or_default());
            std::fs::copy(file, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    println!(
        "{:<44} {:>12} {:>8}  hash",
        "helper", "instructions", "bytes"
    );
    let mut total = 0;
    for file in &files {
        let mut disassemble = Command::new(toolchain.llvm_tool("llvm-dis")?);
        let text = process::output(disassemble.arg(file).args(["-o", "-"]))?;
        let sizes = machine_bytes(&toolchain, file)?;
        for body in bodies(&text) {
            let mut hasher = DefaultHasher::new();
            body.text.hash(&mut hasher);
            println!(
                "{:<44} {:>12} {:>8}  {:016x}",
                body.name,
                count_instructions(&body.text),
                sizes.get(&body.name).copied().unwrap_or_default(),
                hasher.finish()
            );
            total += 1;
        }
    }
    println!("{total} functions in {} files", files.len());
    Ok(ExitCode::SUCCESS)
}

/// Builds the helpers' crate and returns the output folder of its build script.
fn build(workspace: &Workspace, toolchain: &Toolchain, python: &Python) -> Result<PathBuf> {
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

fn bitcode_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(bitcode_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "bc") {
            files.push(path);
        }
    }
    Ok(files)
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

/// One function's definition in a text of LLVM IR.
struct Body {
    name: String,
    text: String,
}

fn bodies(text: &str) -> Vec<Body> {
    let mut bodies: Vec<Body> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("define") {
            let name = line
                .split_once('@')
                .and_then(|(_, rest)| rest.split('(').next())
                .unwrap_or_default();
            bodies.push(Body {
                name: name.to_owned(),
                text: String::new(),
            });
            inside = true;
        }
        if inside {
            if let Some(body) = bodies.last_mut() {
                body.text += line;
                body.text.push('\n');
            }
            inside = !line.starts_with('}');
        }
    }
    bodies
}

#[cfg(test)]
mod tests {
    use super::{bodies, symbol_size};

    #[test]
    fn sizes_are_hexadecimal() {
        let line = "0000000000000010 00000000000000a4 T martlet_f";
        assert_eq!(symbol_size(line), Some(("martlet_f".to_owned(), 164)));
        assert_eq!(symbol_size("                 U malloc"), None);
    }

    #[test]
    fn definitions_are_found_and_declarations_are_not() {
        let text = "declare void @a()\ndefine i64 @b(i64 %x) #0 {\n  ret i64 0\n}\n\n!0 = !{}\n";
        let found = bodies(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "b");
        assert!(found[0].text.ends_with("}\n"), "{}", found[0].text);
    }
}
