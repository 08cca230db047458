//! The projects under `consumers/`: each stands outside of the workspace and uses a crate as somebody else would.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// Packages that a project whose crate needs neither LLVM nor CPython must not bring in.
const HEAVY: [&str; 4] = ["llvm-sys", "inkwell", "pyo3-ffi", "bindgen"];

/// The projects that are built with nothing but Rust.
pub(crate) const WITH_RUST_ALONE: [&str; 2] = ["machine-code", "engine"];

/// Builds and runs one of those, in an environment in which nothing leads to LLVM or to CPython.
pub(crate) fn run(workspace: &Workspace, name: &str) -> Result<()> {
    let folder = workspace.root().join("consumers").join(name);
    check_lock(&folder)?;
    let mut command = workspace.cargo();
    command
        .args(["run", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"));
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if ["LLVM", "PYO3", "PYTHON", "MARTLET"]
            .iter()
            .any(|it| text.starts_with(it))
        {
            command.env_remove(&variable);
        }
    }
    process::run(&mut command)
}

fn check_lock(folder: &Path) -> Result<()> {
    let path = folder.join("Cargo.lock");
    let lock = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    for package in HEAVY {
        if lock.contains(&format!("name = \"{package}\"")) {
            bail!("{} brings in {package}", folder.display());
        }
    }
    Ok(())
}
