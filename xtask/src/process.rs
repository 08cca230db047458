//! Child processes: run to the end, or for their output, with errors that name the command.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Announces a step that may take a while.
pub(crate) fn step(text: &str) {
    eprintln!("==> {text}");
}

/// Runs a command whose output goes to the terminal; fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

/// Runs a command for its standard output; its standard error is part of the error if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed: {}\n{}",
            describe(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed what is no UTF-8", describe(command)))
}

/// Looks a program up on PATH; a name with a slash in it is taken as it stands.
pub(crate) fn find_on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let name = Path::new(name.as_ref());
    if name.components().count() > 1 {
        return is_executable(name).then(|| name.to_path_buf());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// A command as one would type it, for messages.
pub(crate) fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// How a child that was watched came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) end: End,
}

/// The end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exited(ExitStatus),
    TimedOut,
}

impl End {
    /// Whether the child ended by itself with status 0.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "{status}"),
            Self::TimedOut => f.write_str("out of time"),
        }
    }
}

/// Runs a command and keeps what it prints; when `limit` is over, it is killed with what it started.
///
/// The limit is kept by coreutils' `timeout`, which passes exit status and signal on, and which
/// ends the command even if this process is gone by then.
pub(crate) fn watch(command: &Command, limit: Duration) -> Result<Outcome> {
    let mut stdout = tempfile::tempfile()?;
    let mut stderr = tempfile::tempfile()?;
    let mut limited = Command::new("timeout");
    limited
        .args(["--signal=KILL", &limit.as_secs().to_string()])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    let start = Instant::now();
    let status = limited
        .status()
        .with_context(|| format!("cannot start {}", describe(&limited)))?;
    let end = if start.elapsed() >= limit {
        End::TimedOut
    } else {
        End::Exited(status)
    };
    Ok(Outcome {
        stdout: contents(&mut stdout)?,
        stderr: contents(&mut stderr)?,
        end,
    })
}

fn contents(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Outcome {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("GREETING", "hello");
        watch(&command, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn output_and_status_are_kept() {
        let outcome = shell("echo $GREETING; echo more >&2; exit 3");
        assert_eq!(
            (outcome.stdout.as_str(), outcome.stderr.as_str()),
            ("hello\n", "more\n")
        );
        assert!(matches!(outcome.end, End::Exited(status) if status.code() == Some(3)));
    }

    #[test]
    fn a_signal_is_seen_as_one() {
        let outcome = shell("kill -SEGV $$");
        assert!(matches!(outcome.end, End::Exited(status) if status.signal() == Some(11)));
    }

    #[test]
    fn what_runs_too_long_is_ended() {
        let outcome = shell("echo begun; sleep 60");
        assert_eq!(
            (outcome.stdout.as_str(), outcome.end),
            ("begun\n", End::TimedOut)
        );
    }
}
