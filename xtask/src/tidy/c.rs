//! The C files: formatted as `clang-helpers/.clang-format` says, and clang-tidy finds nothing in them.
//!
//! Both tools are of the clang that everything is built with. Where one is not installed, that is said aloud, and an error
//! in continuous integration. clang-tidy takes half a minute, so files in which it has found nothing are not
//! looked at again.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::sources::Files;
use crate::bitcode;
use crate::python::Python;
use crate::tools::{MAJOR, Toolchain};
use crate::workspace::Workspace;

const FOLDER: &str = "clang-helpers/";

/// Returns what clang-format and clang-tidy find.
pub(super) fn check(workspace: &Workspace, files: &Files) -> Result<Vec<String>> {
    let paths = files.iter().map(|file| file.path.as_str());
    let paths: Vec<&str> = paths.filter(|path| path.starts_with(FOLDER)).collect();
    let tools = Toolchain::find().and_then(|it| {
        let tool = |name| it.llvm_tool(name);
        Ok((tool("clang-format")?, tool("clang-tidy")?, it))
    });
    let (format, lint, toolchain) = match tools {
        Ok(tools) => tools,
        Err(error) => {
            let problem = format!(
                "the C files are NOT CHECKED: {error:#} (the packages clang-format-{MAJOR} and clang-tidy-{MAJOR})"
            );
            if std::env::var_os("CI").is_some() {
                return Ok(vec![problem]);
            }
            eprintln!("tidy: WARNING: {problem}");
            return Ok(Vec::new());
        }
    };
    let mut problems = Vec::new();
    for path in &paths {
        let output = Command::new(&format)
            .arg(path)
            .current_dir(workspace.root())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", format.display()))?;
        if !output.status.success() {
            bail!("{} {path}: {}", format.display(), output.status);
        }
        let is = files.iter().find(|file| file.path == *path);
        let is = is.map_or("", |file| &file.text);
        let wanted = String::from_utf8_lossy(&output.stdout);
        let differs = |(index, (a, b)): (usize, (&str, &str))| (a != b).then_some(index + 1);
        if is != wanted {
            let lines = is.lines().zip(wanted.lines()).enumerate();
            let line = lines.into_iter().find_map(differs).unwrap_or_default();
            problems.push(format!(
                "{path}:{line}: not as clang-format has it: clang-format-{MAJOR} -i {path}"
            ));
        }
    }
    let sources: Vec<&str> = paths
        .into_iter()
        .filter(|path| path.ends_with(".c"))
        .collect();
    problems.extend(lints(workspace, files, &toolchain, &lint, &sources)?);
    Ok(problems)
}

/// What clang-tidy finds, unless it has found nothing in these very files before.
fn lints(
    workspace: &Workspace,
    files: &Files,
    toolchain: &Toolchain,
    lint: &Path,
    sources: &[&str],
) -> Result<Vec<String>> {
    let mut hasher = DefaultHasher::new();
    let settings = workspace.root().join(FOLDER).join(".clang-tidy");
    std::fs::read_to_string(settings)?.hash(&mut hasher);
    for file in files.iter().filter(|file| file.path.starts_with(FOLDER)) {
        (&file.path, &file.text).hash(&mut hasher);
    }
    let found_clean = workspace.output().join("clang-tidy.clean");
    let hash = hasher.finish().to_string();
    if std::fs::read_to_string(&found_clean).is_ok_and(|text| text == hash) {
        return Ok(Vec::new());
    }
    // The build leaves a list of how each file is compiled.
    let commands = bitcode::build_helpers(workspace, toolchain, &Python::find()?)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let children: Vec<_> = sources
        .chunks(sources.len().div_ceil(workers).max(1))
        .map(|files| {
            let mut command = Command::new(lint);
            command.arg("--quiet").arg("-p").arg(&commands).args(files);
            command.current_dir(workspace.root());
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command
                .spawn()
                .with_context(|| format!("cannot start {}", lint.display()))
        })
        .collect::<Result<_>>()?;
    let root = format!("{}/", workspace.root().display());
    let mut problems = Vec::new();
    for child in children {
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let found = text.lines().filter(|line| line.contains(": error: "));
        problems.extend(found.map(|line| line.replace(&root, "")));
        if !output.status.success() && problems.is_empty() {
            problems.push(format!("clang-tidy ended with {}: {text}", output.status));
        }
    }
    if problems.is_empty() {
        std::fs::write(&found_clean, hash)?;
    }
    Ok(problems)
}
