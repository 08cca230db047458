//! The layering: which crate may depend on which, and which must not see LLVM at all.
//!
//! Arrows are read from `cargo metadata`, dev- and build-dependencies included. What a crate pulls
//! in through others is asked of `cargo tree` for each package by itself, because in a workspace
//! features are unified and an optional LLVM would seem to be everywhere.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// A crate and the crates of the workspace that it may name in its manifest.
const ARROWS: [(&str, &[&str]); 14] = [
    ("martlet-sidecar", &[]),
    ("martlet-snapshot", &[]),
    ("martlet-ir", &[]),
    ("martlet-machine-code", &[]),
    ("martlet-bitcode", &[]),
    ("martlet-codegen", &["martlet-ir"]),
    (
        "martlet-engine",
        &["martlet-machine-code", "martlet-snapshot"],
    ),
    // Its tests call helpers as jitted code.
    (
        "martlet-helpers",
        &["martlet-bitcode", "martlet-codegen", "martlet-ir"],
    ),
    (
        "martlet-frontend",
        &["martlet-helpers", "martlet-ir", "martlet-snapshot"],
    ),
    (
        "martlet-compiler",
        &[
            "martlet-codegen",
            "martlet-frontend",
            "martlet-helpers",
            "martlet-ir",
            "martlet-sidecar",
            "martlet-snapshot",
        ],
    ),
    (
        "martlet-python",
        &[
            "martlet-engine",
            "martlet-helpers",
            "martlet-machine-code",
            "martlet-sidecar",
            "martlet-snapshot",
        ],
    ),
    (
        "martlet-benches",
        &[
            "martlet-calc",
            "martlet-engine",
            "martlet-ir",
            "martlet-machine-code",
        ],
    ),
    ("martlet-calc", &["martlet-codegen", "martlet-engine"]),
    ("xtask", &["martlet-bitcode"]),
];

/// Crates that must build, test and run without LLVM, as far as their default features go.
const WITHOUT_LLVM: [&str; 8] = [
    "martlet-benches",
    "martlet-bitcode",
    "martlet-engine",
    "martlet-machine-code",
    "martlet-python",
    "martlet-sidecar",
    "martlet-snapshot",
    "xtask",
];

const LLVM_CRATES: [&str; 3] = ["llvm-sys", "inkwell", "martlet-ir"];

/// Returns every arrow that should not be there.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let metadata = workspace.metadata(&["--no-deps"])?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let named: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| ours.contains(dependency))
            .collect();
        problems.extend(wrong_arrows(name, &named));
    }
    for package in WITHOUT_LLVM {
        problems.extend(sees_llvm(workspace, package)?);
    }
    Ok(problems)
}

fn wrong_arrows(package: &str, named: &BTreeSet<&str>) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package) else {
        return vec![format!("{package} has no place in the layering")];
    };
    named
        .iter()
        .filter(|dependency| !allowed.contains(dependency))
        .map(|dependency| format!("{package} must not depend on {dependency}"))
        .collect()
}

fn sees_llvm(workspace: &Workspace, package: &str) -> Result<Vec<String>> {
    let mut command = workspace.cargo();
    command.args(["tree", "--package", package, "--edges", "normal,build,dev"]);
    command.args(["--prefix", "none", "--format", "{p}"]);
    let tree = process::output(&mut command)?;
    let found: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| LLVM_CRATES.contains(name))
        .collect();
    Ok(found
        .into_iter()
        .map(|name| format!("{package} must do without LLVM, but {name} is among its dependencies"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_downwards_are_right_and_upwards_are_wrong() {
        assert!(wrong_arrows("martlet-codegen", &["martlet-ir"].into()).is_empty());
        let problems = wrong_arrows("martlet-engine", &["martlet-ir"].into());
        assert_eq!(problems, ["martlet-engine must not depend on martlet-ir"]);
        assert_eq!(wrong_arrows("martlet-new", &BTreeSet::new()).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Crates are taken away as soon as all that they may name is gone.
        let mut left: Vec<_> = ARROWS.to_vec();
        while !left.is_empty() {
            let before = left.len();
            let names: Vec<_> = left.iter().map(|(name, _)| *name).collect();
            left.retain(|(_, allowed)| allowed.iter().any(|name| names.contains(name)));
            assert!(left.len() < before, "a cycle among {left:?}");
        }
    }
}
