//! Helpers that nobody calls are not kept: every C function of `clang-helpers/` and every row of the
//! frontend's table of helpers is named somewhere else, tests aside.

use super::sources::{File, Files};

const HELPERS: &str = "clang-helpers/";
const ROWS: &str = "crates/frontend/src/hir/helpers.rs";

/// Returns every helper and every row that nothing uses.
pub(super) fn check(files: &Files) -> Vec<String> {
    let files: Vec<&File> = files
        .iter()
        .filter(|file| !file.path.contains("/tests/") || file.path.ends_with("native.rs"))
        .collect();
    let mut problems = Vec::new();
    for file in &files {
        if file.path.starts_with(HELPERS) && file.path.ends_with(".c") {
            for name in file.text.lines().filter_map(defined_helper) {
                let uses: usize = files.iter().map(|it| mentions(&it.text, name)).sum();
                if uses < 2 {
                    problems.push(format!("{}: nobody calls {name}", file.path));
                }
            }
        }
        if file.path == ROWS {
            for row in file.text.lines().filter_map(row) {
                let elsewhere = files.iter().filter(|it| it.path != ROWS);
                if elsewhere.map(|it| mentions(&it.text, row)).sum::<usize>() == 0 {
                    problems.push(format!("{ROWS}: nobody uses the row {row}"));
                }
            }
        }
    }
    problems
}

/// The helper that this line of C begins to define.
fn defined_helper(line: &str) -> Option<&str> {
    if !line.starts_with("MARTLET_") || line.ends_with(';') {
        return None;
    }
    let (head, _) = line.split_once('(')?;
    head.split_whitespace()
        .last()
        .filter(|name| name.starts_with("martlet_"))
}

/// The name of the row that this line holds.
fn row(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("    ")?.split_once(" = ")?;
    rest.starts_with("\"martlet_").then_some(name)
}

/// How often the whole word stands in the text.
fn mentions(text: &str, word: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .filter(|(at, _)| {
            !text[..*at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_and_rows_are_read() {
        let line = "MARTLET_HELPER O martlet_int_box(TS ts, int64_t value)";
        assert_eq!(defined_helper(line), Some("martlet_int_box"));
        let line = "MARTLET_CALL struct martlet_pair martlet_load_method(O v)";
        assert_eq!(defined_helper(line), Some("martlet_load_method"));
        assert_eq!(defined_helper("MARTLET_RUNTIME int martlet_f(void);"), None);
        assert_eq!(defined_helper("    martlet_f();"), None);
        assert_eq!(
            row("    IntMod = \"martlet_int_mod\" () [I64, I64] -> I64 INT \"\";"),
            Some("IntMod")
        );
        assert_eq!(row("    let x = 1;"), None);
    }

    #[test]
    fn whole_words_are_counted() {
        assert_eq!(mentions("a_f f(f) f2 ff", "f"), 2);
    }
}
