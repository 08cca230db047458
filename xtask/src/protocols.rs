//! The lock-free protocols of `martlet-machine-code` under tools that see more than a test does: all interleavings, as
//! far as they are bounded, by loom; who reads what is freed, on real threads, by ThreadSanitizer.
//!
//! Both build the crate in ways of their own, in folders of their own under `target/`.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The modules that hold the protocols.
const MODULES: [&str; 2] = ["hazard::", "index::"];

/// Races that the sanitizer sees in the standard library, which is not built for it: it does not know the fence with
/// which an `Arc` goes, nor how the harness learns of a test's end. A pattern hides a report if it fits any function of
/// either stack, so these name nothing that is on a reader's.
const SUPPRESSIONS: &str = "\
race:*alloc::sync::Arc<std::thread::*
race:*alloc::sync::Arc<std::sync::poison::mutex::Mutex<core::option::Option<test::*
race:*test::event::CompletedTest*
race:*std::sys::process::unix::common::ExitCode*
";

/// Explores the models.
pub(crate) fn loom(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command
        .args(["test", "--release", "-p", "martlet-machine-code"])
        .args(["--lib", "--"])
        .args(MODULES)
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", workspace.root().join("target/loom"));
    process::run(&mut command)
}

/// Runs the tests on real threads under ThreadSanitizer. The compiler's switch for it is not stable, which the stable
/// compiler overlooks when it is told to.
pub(crate) fn sanitize(workspace: &Workspace) -> Result<()> {
    let target = workspace.root().join("target/tsan");
    let suppressions = target.join("suppressions");
    std::fs::create_dir_all(&target)
        .and_then(|()| std::fs::write(&suppressions, SUPPRESSIONS))
        .with_context(|| format!("cannot write {}", suppressions.display()))?;
    let mut command = workspace.cargo();
    command
        .args(["test", "-p", "martlet-machine-code"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--lib", "--"])
        .arg("--test-threads=1")
        .args(MODULES)
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "RUSTFLAGS",
            "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        )
        .env(
            "TSAN_OPTIONS",
            format!("suppressions={}", suppressions.display()),
        )
        .env("CARGO_TARGET_DIR", target);
    process::run(&mut command)
}
