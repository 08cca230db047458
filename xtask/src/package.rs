//! The importable package: both shared objects, the compiler as a program, and the Python files, put together.
//!
//! The two shared objects are built by two cargo calls. In one call cargo would unify their
//! features, and the extension module, which every Python start loads, would link LLVM.
//!
//! ```text
//! target/martlet/lib/martlet/   the Python files, _martlet.so, libmartlet_compiler.so, martlet_compiler
//! target/martlet/venv/          an environment over the user's interpreter, whose martlet.pth
//!                               finds the above and switches it on under MARTLET=1
//! ```
//! The environment is what makes `MARTLET=1` reach every interpreter that a program starts, with
//! isolated ones (`-I`) included, and it leaves the user's own installation untouched.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{self, step};
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

/// The file of an environment that names the interpreter it was made from.
const ORIGIN: &str = "martlet-origin";

/// A built Martlet, ready to run.
pub(crate) struct Package {
    lib: PathBuf,
    environment: PathBuf,
}

impl Package {
    /// Finds the tools, builds what is out of date, and puts the package together.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        let python = Python::find()?;
        let toolchain = Toolchain::find_or_install()?;
        Self::build_for(workspace, &toolchain, &python, &workspace.output())
    }

    /// Builds what is out of date for this interpreter, and puts the package together in this folder.
    pub(crate) fn build_for(
        workspace: &Workspace,
        toolchain: &Toolchain,
        python: &Python,
        folder: &Path,
    ) -> Result<Self> {
        step(&format!("building Martlet for {python}"));
        let extension = build_package(workspace, toolchain, python, "martlet-python")?;
        let compiler = build_package(workspace, toolchain, python, "martlet-compiler")?;

        let lib = folder.join("lib");
        let package = lib.join("martlet");
        assemble(workspace, &package)?;
        precompile(python, &package)?;
        let shared_object = Some(OsStr::new("so"));
        install(
            find(&extension, shared_object)?,
            &package.join("_martlet.so"),
        )?;
        install(
            find(&compiler, shared_object)?,
            &package.join("libmartlet_compiler.so"),
        )?;
        install(find(&compiler, None)?, &package.join("martlet_compiler"))?;
        let environment = folder.join("venv");
        make_environment(python, &environment, &lib)?;
        Ok(Self { lib, environment })
    }

    /// The same package, to be run by another interpreter than it was built for, from an environment in this folder.
    pub(crate) fn run_by(&self, python: &Python, environment: &Path) -> Result<Self> {
        make_environment(python, environment, &self.lib)?;
        Ok(Self {
            lib: self.lib.clone(),
            environment: environment.to_owned(),
        })
    }

    /// The interpreter under which `import martlet` works.
    pub(crate) fn python(&self) -> PathBuf {
        self.environment.join("bin/python3.13")
    }
}

/// A cargo command in whose environment the build scripts find the same LLVM and Python as this
/// tool did.
pub(crate) fn cargo(workspace: &Workspace, toolchain: &Toolchain, python: &Python) -> Command {
    let mut command = workspace.cargo();
    command
        .envs(toolchain.build_env())
        .env("MARTLET_PYTHON", python.executable())
        .env("PYO3_PYTHON", python.executable());
    command
}

/// Builds one package in release mode and returns the paths of its files.
fn build_package(
    workspace: &Workspace,
    toolchain: &Toolchain,
    python: &Python,
    package: &str,
) -> Result<Vec<PathBuf>> {
    step(&format!("cargo build --release -p {package}"));
    let mut command = cargo(workspace, toolchain, python);
    command
        .args(["build", "--release", "-p", package])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("building {package} failed");
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| {
            message["manifest_path"]
                .as_str()
                .is_some_and(|path| path.ends_with(&format!("{}/Cargo.toml", folder_of(package))))
        })
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .collect())
}

/// The file with this extension, or with none.
fn find<'a>(files: &'a [PathBuf], extension: Option<&OsStr>) -> Result<&'a Path> {
    let found = files.iter().find(|it| it.extension() == extension);
    found
        .map(PathBuf::as_path)
        .with_context(|| format!("{extension:?} is not among what cargo built: {files:?}"))
}

fn folder_of(package: &str) -> &str {
    package.trim_start_matches("martlet-")
}

/// Copies the package's Python files, and removes those that are no longer there.
fn assemble(workspace: &Workspace, folder: &Path) -> Result<()> {
    let source = workspace.root().join("crates/python/python/martlet");
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for entry in read_dir(folder)? {
        if entry.extension().is_some_and(|extension| extension == "py")
            && !source.join(entry.file_name().unwrap_or_default()).exists()
        {
            std::fs::remove_file(&entry)?;
        }
    }
    for entry in read_dir(&source)? {
        if entry.extension().is_some_and(|extension| extension == "py") {
            install(&entry, &folder.join(entry.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Writes the bytecode of the package's Python files, as an installer does: else every start would compile them anew
/// wherever the interpreter may not (`PYTHONDONTWRITEBYTECODE`, a folder of somebody else's).
fn precompile(python: &Python, folder: &Path) -> Result<()> {
    process::run(
        Command::new(python.executable())
            .args(["-m", "compileall", "-q"])
            .arg(folder),
    )
}

fn read_dir(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// Replaces `to` in one step, so that a process that has the old file mapped keeps it whole.
fn install(from: &Path, to: &Path) -> Result<()> {
    let beside = to.with_extension("new");
    std::fs::copy(from, &beside)
        .and_then(|_| std::fs::rename(&beside, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Makes the environment, unless it is there for the same interpreter, and writes its `.pth`.
fn make_environment(python: &Python, environment: &Path, lib: &Path) -> Result<()> {
    let origin = environment.join(ORIGIN);
    let wanted = python.executable().to_string_lossy();
    if std::fs::read_to_string(&origin).is_ok_and(|text| text.trim() != wanted) {
        std::fs::remove_dir_all(environment)?;
    }
    if !origin.exists() {
        step(&format!("making an environment over {python}"));
        let mut command = Command::new(python.executable());
        command
            .args([
                "-I",
                "-m",
                "venv",
                "--clear",
                "--without-pip",
                "--system-site-packages",
            ])
            .arg(environment);
        process::run(&mut command)?;
        std::fs::write(&origin, format!("{wanted}\n"))?;
    }
    let site_packages = environment.join("lib/python3.13/site-packages");
    std::fs::write(site_packages.join("martlet.pth"), pth(python, lib))
        .context("cannot write martlet.pth")
}

/// The text of `martlet.pth`: Python's `site` puts plain lines on `sys.path` and runs lines that
/// begin with `import`.
fn pth(python: &Python, lib: &Path) -> String {
    let mut text = format!("{}\n", lib.display());
    if let Some(folder) = python.site_packages() {
        text += &format!(
            "import site; site.addsitedir({:?})\n",
            folder.to_string_lossy()
        );
    }
    // Not in a subinterpreter, whose number is not 0: extension modules of our kind cannot be loaded there.
    text += "import os; os.environ.get('MARTLET', '0') in ('', '0') \
             or __import__('_interpreters').get_current()[0] or __import__('martlet').enable()\n";
    text
}
