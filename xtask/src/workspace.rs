//! Where the workspace and its build output are, and how cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The workspace this tool was built from, and its target directory.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo where things are, and checks that the target directory can be written.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .context("xtask's directory has no parent")?
            .to_path_buf();
        if !root.join("Cargo.toml").is_file() {
            bail!("{} is not Martlet's workspace", root.display());
        }
        let mut workspace = Self {
            target: PathBuf::new(),
            root,
        };
        let metadata = workspace.metadata(&["--no-deps"])?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo metadata names no target directory")?;
        workspace.target = PathBuf::from(target);
        workspace.check_target()?;
        Ok(workspace)
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `target/martlet`: what this tool builds beyond cargo's own output.
    pub(crate) fn output(&self) -> PathBuf {
        self.target.join("martlet")
    }

    /// A cargo command that runs in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        command
    }

    /// What `cargo metadata` says, with `args` added.
    pub(crate) fn metadata(&self, args: &[&str]) -> Result<serde_json::Value> {
        let mut command = self.cargo();
        command
            .args(["metadata", "--format-version", "1"])
            .args(args);
        let output = process::output(&mut command)?;
        serde_json::from_str(&output).context("cargo metadata printed no JSON")
    }

    fn check_target(&self) -> Result<()> {
        let output = self.output();
        std::fs::create_dir_all(&output)
            .and_then(|()| tempfile::tempfile_in(&output).map(drop))
            .with_context(|| {
                format!(
                    "the target directory {} cannot be written; make it writable, or set \
                     CARGO_TARGET_DIR to one that is",
                    self.target.display()
                )
            })
    }
}
