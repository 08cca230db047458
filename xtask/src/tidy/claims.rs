//! README's table of claims names tests; they must exist.
//!
//! In the section "The page, claim by claim" every row's last column holds the names of the tests
//! that show the claim, in backquotes, or a dash where there is none yet.

use anyhow::{Context, Result};

use super::sources::Files;
use crate::workspace::Workspace;

const SECTION: &str = "## The page, claim by claim";

/// Returns the names that stand in the table and nowhere else.
pub(super) fn check(workspace: &Workspace, files: &Files) -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(workspace.root().join("README.md"))
        .context("cannot read README.md")?;
    Ok(claimed_tests(&readme)
        .into_iter()
        .filter(|name| !files.iter().any(|file| defines(&file.text, name)))
        .map(|name| format!("README.md claims a test `{name}` that does not exist"))
        .collect())
}

fn claimed_tests(readme: &str) -> Vec<&str> {
    let section = readme.split_once(SECTION).map_or("", |(_, rest)| rest);
    section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.trim_end().strip_suffix('|')?.rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

fn defines(text: &str, name: &str) -> bool {
    [
        format!("fn {name}("),
        format!("def {name}("),
        format!("def test_{name}("),
    ]
    .iter()
    .any(|definition| text.contains(definition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_last_column_of_that_section_only() {
        let readme = format!(
            "| `other` |\n{SECTION}\n| 1 | `code` | `first`, `second` (ir) |\n| 2 | x | - |\n\
             ## Licence\n| `later` |\n"
        );
        assert_eq!(claimed_tests(&readme), ["first", "second"]);
    }

    #[test]
    fn rust_and_python_tests_are_found() {
        assert!(defines("    fn a_test() {", "a_test"));
        assert!(defines("    def test_a(self):", "a"));
        assert!(!defines("fn a_test_more() {", "a_test"));
    }
}
