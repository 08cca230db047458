//! pyperformance's programs and what they import, from the package registry by pip.
//!
//! All lies in folders of its own below `target/martlet`; nothing is installed anywhere else.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::step;
use crate::python::Python;

const PYPERFORMANCE: &str = "pyperformance==1.14.0";
/// Some programs import `distutils`, which 3.13 has no more and this package brings.
const DISTUTILS: &str = "setuptools==75.6.0";
const USE_DISTUTILS: [&str; 2] = ["django_template", "sympy"];

/// Puts the package's files into a folder of their own.
pub(crate) fn install_pyperformance(folder: &Path) -> Result<()> {
    if folder.join("pyperformance").is_dir() {
        return Ok(());
    }
    step(&format!("fetching {PYPERFORMANCE} for its programs"));
    Python::find()?
        .fetch_packages(folder, &[PYPERFORMANCE])
        .context("the public programs come from the package pyperformance, through pip")
}

/// The folder of one public program.
pub(super) fn program(pyperformance: &Path, name: &str) -> PathBuf {
    pyperformance.join(format!("pyperformance/data-files/benchmarks/bm_{name}"))
}

/// The folder with what a program imports, which is filled if it is not there yet; none, if it
/// asks for nothing.
pub(super) fn fetch(pyperformance: &Path, name: &str) -> Result<Option<PathBuf>> {
    let requirements = program(pyperformance, name).join("requirements.txt");
    if !requirements.is_file() {
        return Ok(None);
    }
    let folder = pyperformance
        .with_file_name("pyperformance-needs")
        .join(name);
    if !folder.is_dir() {
        step(&format!("fetching what {name} imports"));
        let file = requirements.to_string_lossy();
        let mut wanted = vec!["-r", &file];
        if USE_DISTUTILS.contains(&name) {
            wanted.push(DISTUTILS);
        }
        // Beside it first, so that the folder is there only when all is in it.
        let beside = folder.with_extension("new");
        _ = std::fs::remove_dir_all(&beside);
        Python::find()?.fetch_packages(&beside, &wanted)?;
        std::fs::rename(&beside, &folder)?;
    }
    Ok(Some(folder))
}
