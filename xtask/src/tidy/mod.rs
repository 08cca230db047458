//! `tidy`: rules of the design that a compiler does not check.
//!
//! - [`layering`]: the arrows between the crates, and who may link LLVM;
//! - [`sources`]: where `unsafe` may stand, how a file begins, words that must not be left behind;
//! - [`c`]: clang-format and clang-tidy on the C files;
//! - [`unused`]: no helper is kept that nobody calls;
//! - [`twins`]: helpers that are inlined are tested against their native twins;
//! - [`claims`]: the tests that PAGE.md names are where it says;
//! - [`examples`]: what a crate shows has an example, where its first page promises that.

mod c;
mod claims;
mod examples;
mod layering;
mod sources;
mod twins;
mod unused;

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

/// Runs every rule and prints what breaks one, a line each.
pub(crate) fn tidy(workspace: &Workspace) -> Result<ExitCode> {
    let mut problems = layering::check(workspace)?;
    let files = sources::Files::read(workspace)?;
    problems.extend(sources::check(&files));
    problems.extend(c::check(workspace, &files)?);
    problems.extend(unused::check(&files));
    problems.extend(twins::check(workspace, &files)?);
    problems.extend(claims::check(workspace, &files)?);
    problems.extend(examples::check(&files));
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    if problems.is_empty() {
        eprintln!("tidy: {} files, nothing to say", files.len());
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("tidy: {} problems", problems.len());
        Ok(ExitCode::FAILURE)
    }
}
