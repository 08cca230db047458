//! `run`: builds Martlet and becomes `python -m martlet` with the user's arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::package::Package;
use crate::workspace::Workspace;

/// Replaces this process by the interpreter, so that its signals and exit status are the
/// program's own; returns only if that fails.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let package = Package::build(workspace)?;
    let mut command = Command::new(package.python());
    command.args(["-m", "martlet"]).args(args);
    Err(command.exec()).context("cannot start the interpreter")
}
