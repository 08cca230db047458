//! PAGE.md names tests, each with a link to its file; they must be there.
//!
//! In every row of its table the last column holds links like `[`name`](path)`, at least one.

use anyhow::{Context, Result};

use super::sources::Files;
use crate::workspace::Workspace;

const PAGE: &str = "PAGE.md";

/// Returns the rows without a test, and the tests that are not where their links lead.
pub(super) fn check(workspace: &Workspace, files: &Files) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(workspace.root().join(PAGE))
        .with_context(|| format!("cannot read {PAGE}"))?;
    let mut problems = Vec::new();
    for row in rows(&page) {
        let tests: Vec<_> = links(row).collect();
        if tests.is_empty() {
            problems.push(format!("{PAGE} has a row without a test: {row}"));
        }
        for (name, path) in tests {
            let file = files.iter().find(|file| file.path == path);
            if !file.is_some_and(|file| defines(&file.text, name)) {
                problems.push(format!(
                    "{PAGE} names a test `{name}` that is not in {path}"
                ));
            }
        }
    }
    Ok(problems)
}

/// The rows that begin with a number.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let numbered = |line: &&str| {
        let cell = line.trim_start_matches('|').split('|').next();
        cell.is_some_and(|it| it.trim().parse::<u32>().is_ok())
    };
    page.lines().filter(numbered)
}

/// Names and paths in the last column.
fn links(row: &str) -> impl Iterator<Item = (&str, &str)> {
    let row = row.trim_end();
    let cell = row.strip_suffix('|').unwrap_or(row).rsplit('|').next();
    let parts = cell.unwrap_or_default().split("[`").skip(1);
    parts.filter_map(|part| {
        let (name, rest) = part.split_once("`](")?;
        Some((name, rest.split_once(')')?.0))
    })
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
    fn links_are_read_from_the_last_column_of_numbered_rows() {
        let page =
            "| # | tests |\n|---|---|\n| 1 | [`no`](x) | [`a`](p/q.rs), [`b`](r.py) |\n| 2 | - |\n";
        let rows: Vec<_> = rows(page).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            links(rows[0]).collect::<Vec<_>>(),
            [("a", "p/q.rs"), ("b", "r.py")]
        );
        assert_eq!(links(rows[1]).count(), 0);
    }

    #[test]
    fn rust_and_python_tests_are_found() {
        assert!(defines("    fn a_test() {", "a_test"));
        assert!(defines("    def test_a(self):", "a"));
        assert!(!defines("fn a_test_more() {", "a_test"));
    }
}
