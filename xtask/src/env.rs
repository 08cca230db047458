//! `env`: the shell lines after which `$MARTLET_PYTHON -m martlet` works from any folder.

use std::process::ExitCode;

use anyhow::Result;

use crate::package::Package;
use crate::workspace::Workspace;

/// Builds Martlet and prints the lines on standard output; all else goes to standard error.
pub(crate) fn env(workspace: &Workspace) -> Result<ExitCode> {
    let package = Package::build(workspace)?;
    println!(
        "export MARTLET_PYTHON={}",
        quoted(&package.python().to_string_lossy())
    );
    Ok(ExitCode::SUCCESS)
}

/// In single quotes, as a POSIX shell reads them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_quote_in_a_path_survives_the_shell() {
        assert_eq!(super::quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
