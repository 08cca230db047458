//! What `martlet-ir` has beyond `cargo test`: its bindings, its model test run for longer, its pure parts
//! under Miri, its documentation without LLVM, and the project that uses it as it is packaged.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::package;
use crate::process;
use crate::python::Python;
use crate::tools::Toolchain;
use crate::workspace::Workspace;

const PACKAGE: &str = "martlet-ir";

/// Fails on every error, and on every block that nothing points to.
const VALGRIND: &str = "valgrind --quiet --error-exitcode=1 --leak-check=full \
                        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect";

/// Arguments of `fuzz ir`.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// How many operations
    #[arg(long, default_value_t = 5_000_000)]
    operations: u64,
    /// The first program's seed
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// Under valgrind, which is some twenty times as slow: it finds what is used when it is gone,
    /// and what is left over
    #[arg(long)]
    valgrind: bool,
}

/// Runs the model test on other seeds than `cargo test` does, and for longer.
pub(crate) fn fuzz(workspace: &Workspace, args: &Fuzz) -> Result<ExitCode> {
    let Fuzz {
        operations,
        seed,
        valgrind,
    } = *args;
    let mut command = cargo(workspace)?;
    command
        .args(["test", "--release", "-p", PACKAGE])
        .args(["--test", "model", "--", "--nocapture"])
        .env("MARTLET_FUZZ_OPERATIONS", operations.to_string())
        .env("MARTLET_FUZZ_SEED", seed.to_string());
    if valgrind {
        command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", VALGRIND);
    }
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the unit tests, which are of the parts that call no LLVM, under Miri. It is a component of the
/// nightly compiler: where that has it not, this says so and passes.
pub(crate) fn miri(workspace: &Workspace) -> Result<()> {
    const COMPONENTS: [&str; 2] = ["miri", "rust-src"];
    let mut list = Command::new("rustup");
    list.args(["component", "list", "--toolchain", "nightly", "--installed"]);
    let installed = process::output(&mut list).unwrap_or_default();
    let has = |name: &&str| installed.lines().any(|line| line.starts_with(name));
    if !COMPONENTS.iter().all(has) {
        let add = "rustup component add miri rust-src --toolchain nightly";
        eprintln!("xtask: there is no Miri here, nothing is run under it (`{add}`)");
        return Ok(());
    }
    let mut command = Command::new("rustup");
    command
        .current_dir(workspace.root())
        .args(["run", "nightly", "cargo", "miri", "test"])
        .args(["-p", PACKAGE, "--lib", "--target-dir"])
        .arg(workspace.output().join("miri"))
        .envs(Toolchain::find_or_install()?.build_env());
    process::run(&mut command)
}

/// Generates the shim's bindings anew.
pub(crate) fn bindings(workspace: &Workspace) -> Result<ExitCode> {
    let mut command = cargo(workspace)?;
    command
        .args(["test", "-p", PACKAGE, "--test", "bindings"])
        .env("UPDATE_EXPECT", "1");
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Documents the crate as its users' documentation is built: without LLVM.
pub(crate) fn documentation(workspace: &Workspace) -> Result<()> {
    // Whoever looks for LLVM all the same, looks here.
    let nowhere = workspace.output().join("no-llvm");
    let mut command = workspace.cargo();
    command
        .args(["doc", "--no-deps", "-p", PACKAGE])
        .args(["--features", "llvm22-1-no-llvm-linking,target-x86"])
        .arg("--target-dir")
        .arg(workspace.output().join("docs-without-llvm"))
        .env("DOCS_RS", "1")
        .env("LLVM_SYS_221_PREFIX", nowhere)
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut command)
}

/// Packages the crate, unpacks it, and runs the project that depends on it.
pub(crate) fn consumer(workspace: &Workspace) -> Result<()> {
    let output = workspace.output().join("packaged");
    let mut command = cargo(workspace)?;
    command
        .args(["package", "--no-verify", "--allow-dirty", "-p", PACKAGE])
        .arg("--target-dir")
        .arg(&output);
    process::run(&mut command)?;
    let metadata = workspace.metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut versions = packages
        .filter(|package| package["name"] == PACKAGE)
        .filter_map(|package| package["version"].as_str());
    let Some(version) = versions.next() else {
        bail!("{PACKAGE} is not in the workspace");
    };
    let name = format!("{PACKAGE}-{version}");
    let folder = output.join("package");
    let unpacked = folder.join(&name);
    if unpacked.exists() {
        std::fs::remove_dir_all(&unpacked)?;
    }
    let archive = folder.join(format!("{name}.crate"));
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(archive).arg("-C").arg(&folder);
    process::run(&mut unpack)?;
    let patch = format!(
        "patch.crates-io.{PACKAGE}.path={:?}",
        unpacked.to_string_lossy()
    );
    let manifest = workspace.root().join("consumers/ir/Cargo.toml");
    let mut command = cargo(workspace)?;
    command
        .args(["run", "--config", &patch, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(workspace.output().join("consumer-ir"));
    process::run(&mut command)
}

/// A cargo command whose build scripts find LLVM.
fn cargo(workspace: &Workspace) -> Result<Command> {
    let (toolchain, python) = (Toolchain::find_or_install()?, Python::find()?);
    Ok(package::cargo(workspace, &toolchain, &python))
}
