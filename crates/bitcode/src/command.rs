//! Running a tool so that its failure can be read.

use crate::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// A program with its arguments.
pub(crate) struct Tool {
    command: Command,
}

impl Tool {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // Messages are matched and shown: they should not depend on the user's language.
        command.env("LC_ALL", "C");
        Tool { command }
    }

    pub(crate) fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(&mut self, args: &[String]) -> &mut Self {
        self.command.args(args);
        self
    }

    /// Runs it; what it printed to stdout.
    pub(crate) fn run(&mut self) -> Result<String, Error> {
        let output = self.output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it; what it printed to stderr.
    pub(crate) fn run_for_messages(&mut self) -> Result<String, Error> {
        let output = self.output()?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn output(&mut self) -> Result<Output, Error> {
        let output = self.command.output().map_err(|source| Error::Start {
            command: self.text(),
            source,
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let mut message = String::from_utf8_lossy(&output.stderr).into_owned();
        message.push_str(&String::from_utf8_lossy(&output.stdout));
        Err(Error::Tool {
            command: self.text(),
            status: output.status.to_string(),
            message,
            versions: String::new(),
        })
    }

    /// Program and arguments.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    /// The command as it could be typed.
    fn text(&self) -> String {
        let mut words = vec![quoted(self.command.get_program())];
        words.extend(self.command.get_args().map(quoted));
        words.join(" ")
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn write(path: &Path, content: &str) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_command_and_message() {
        let error = Tool::new("sh")
            .arg("-c")
            .arg("echo no good >&2; exit 3")
            .run();
        let text = error.expect_err("sh ends with 3").to_string();
        assert!(text.contains("sh -c 'echo no good >&2; exit 3'"), "{text}");
        assert!(
            text.contains("exit status: 3") && text.contains("no good"),
            "{text}"
        );
    }
}
