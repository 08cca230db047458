//! A helper that may be inlined has a twin test: a row of `twins.txt`, or a line there that says why it cannot.
//!
//! One that is never inlined has none: a jitted call of it reaches the native function itself, so there are no two pieces
//! of code that could differ. What it does is compared with the interpreter by the differential programs.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::sources::Files;
use crate::workspace::Workspace;

const ROWS: &str = "crates/helpers/tests/twins.txt";

/// Returns every helper that `twins.txt` does not name.
pub(super) fn check(workspace: &Workspace, files: &Files) -> Result<Vec<String>> {
    let rows = std::fs::read_to_string(workspace.root().join(ROWS))
        .with_context(|| format!("cannot read {ROWS}"))?;
    let named: BTreeSet<&str> = rows.lines().filter_map(name).collect();
    let helpers = files
        .iter()
        .filter(|file| file.path.starts_with("clang-helpers/") && file.path.ends_with(".c"));
    Ok(helpers
        .flat_map(|file| file.text.lines().map(move |line| (file, line)))
        .filter_map(|(file, line)| Some((file, inlined_helper(line)?)))
        .filter(|(_, helper)| !named.contains(helper))
        .map(|(file, helper)| format!("{}: {helper} has no twin test in {ROWS}", file.path))
        .collect())
}

/// The helper that a line of `twins.txt` is about.
fn name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let end = line.find([' ', ':'])?;
    line.starts_with("martlet_").then_some(&line[..end])
}

/// The helper that this line of C begins to define, if it may be inlined.
fn inlined_helper(line: &str) -> Option<&str> {
    let inlined = ["MARTLET_HELPER ", "MARTLET_HOT "];
    if !inlined.iter().any(|it| line.starts_with(it)) || line.ends_with(';') {
        return None;
    }
    let (head, _) = line.split_once('(')?;
    head.rsplit([' ', '*']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_definitions_are_read() {
        assert_eq!(
            name("martlet_int_box -> new: INTS"),
            Some("martlet_int_box")
        );
        assert_eq!(
            name("- martlet_enter: needs a frame"),
            Some("martlet_enter")
        );
        assert_eq!(name("INTS = 0; 1"), None);
        let line = "MARTLET_HOT O martlet_int_box(TS ts, int64_t value)";
        assert_eq!(inlined_helper(line), Some("martlet_int_box"));
        assert_eq!(
            inlined_helper("MARTLET_COLD O martlet_int_box_slow(int64_t value)"),
            None
        );
    }
}
