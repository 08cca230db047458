//! `dump FILE.py::qualname --stage S`: what one function is compiled to.
//!
//! The program is run with functions of this name compiled at their first call; Martlet writes the
//! stage of each, and what it wrote is printed here. The program's own output goes to
//! standard error.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::package::Package;
use crate::process::describe;
use crate::workspace::Workspace;

/// Arguments of `dump`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program and the function in it, such as prog.py::Class.method
    target: String,
    /// What to print
    #[arg(long, value_enum, default_value = "hir")]
    stage: Stage,
    /// Arguments of the program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stage {
    Bytecode,
    Hir,
    Ir,
    IrOpt,
    Asm,
}

impl Stage {
    /// The name that `MARTLET_DUMP` knows it by.
    fn name(self) -> &'static str {
        match self {
            Self::Bytecode => "bytecode",
            Self::Hir => "hir",
            Self::Ir => "ir",
            Self::IrOpt => "ir-opt",
            Self::Asm => "asm",
        }
    }
}

/// Runs the program and prints what was dumped.
pub(crate) fn dump(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let Some((file, qualname)) = args.target.split_once("::") else {
        bail!("{}: expected FILE.py::qualname", args.target);
    };
    if !std::path::Path::new(file).is_file() {
        bail!("{file}: no such file");
    }
    let package = Package::build(workspace)?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(package.python());
    command
        .args(["-m", "martlet", file])
        .args(&args.args)
        .env("MARTLET_DUMP", args.stage.name())
        .env("MARTLET_ONLY", qualname)
        .env("MARTLET_DUMP_DIR", folder.path())
        .env("MARTLET_ALWAYS", "1")
        .env("MARTLET_SYNC", "1")
        .stdout(Stdio::from(std::io::stderr()));
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", describe(&command)))?;

    let mut files: Vec<_> = std::fs::read_dir(folder.path())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("{qualname} was not compiled (the program ended with {status})");
    }
    for path in files {
        println!(
            "; {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        println!("{}", std::fs::read_to_string(&path)?.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
