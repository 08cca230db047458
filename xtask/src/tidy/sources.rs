//! Rules about single files: where `unsafe` may stand, how a file begins, which words and
//! constructs must not be left behind.

use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Folders under the workspace's root whose files are looked at.
const FOLDERS: [&str; 7] = [
    "benches",
    "clang-helpers",
    "consumers",
    "crates",
    "examples",
    "xtask",
    ".ci",
];

/// Files that may contain unsafe code, and folders of them, with a final `/`. Tests, benchmarks,
/// examples and consumers may as well; a crate that is not named here has none.
const UNSAFE_FILES: &[&str] = &[
    "crates/codegen/src/raw.rs",
    "crates/compiler/src/raw/",
    "crates/helpers/src/running.rs",
    "crates/ir/src/raw/",
    "crates/machine-code/src/activation.rs",
    "crates/machine-code/src/arena/stubs.rs",
    "crates/machine-code/src/code.rs",
    "crates/machine-code/src/entry.rs",
    "crates/machine-code/src/fork.rs",
    "crates/machine-code/src/index.rs",
    "crates/machine-code/src/observe/gdb.rs",
    "crates/machine-code/src/os/",
    "crates/machine-code/src/raw.rs",
    "crates/machine-code/src/runtime.rs",
    "crates/machine-code/src/shared.rs",
    "crates/machine-code/src/trap.rs",
    "crates/machine-code/src/unwind.rs",
    "crates/python/src/raw/",
    "crates/sidecar/src/raw.rs",
    "examples/calc/src/raw.rs",
];

/// Where the name of the language the frontend compiles must not appear.
const LANGUAGE_FREE: [&str; 6] = [
    "crates/bitcode/src/",
    "crates/codegen/src/",
    "crates/engine/src/",
    "crates/ir/src/",
    "crates/machine-code/src/",
    "crates/sidecar/src/",
];

/// What lies at another place in each 3.13.x, and the C files that may name it all the same: one reads what the interpreter
/// publishes at its beginning, the other a member in front of everything that has moved.
const MOVES: [&str; 4] = ["_PyRuntime", "_Py_ID", "_Py_STR", "_Py_SINGLETON"];
const READS_RUNTIME: [&str; 2] = [
    "clang-helpers/runtime/layout.c",
    "clang-helpers/runtime/launch.c",
];

/// Where inkwell's values may stand in a struct: `ir` keeps them; lowering has them lent for the
/// time in which it builds one function, with the module borrowed.
const HOLDS_VALUES: [&str; 2] = ["crates/frontend/src/lower/", "crates/ir/src/"];

/// Written in two parts, so that this file does not break its own rule.
const LEFT_BEHIND: [(&str, &str); 8] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("#[ig", "nore"),
    ("/ho", "me/"),
    ("/ro", "ot/"),
];

/// A file of the workspace: its path from the root, with `/`, and its text.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// All files that the rules apply to.
pub(super) struct Files(Vec<File>);

impl Files {
    /// Reads them.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let mut files = Vec::new();
        for folder in FOLDERS {
            let folder = workspace.root().join(folder);
            if folder.is_dir() {
                read_folder(workspace.root(), &folder, &mut files)?;
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(files))
    }

    /// The files.
    pub(super) fn iter(&self) -> impl Iterator<Item = &File> {
        self.0.iter()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != "__pycache__" {
                read_folder(root, &path, files)?;
            }
        } else if is_source(&name) {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            let path = path.to_string_lossy().replace('\\', "/");
            files.push(File { path, text });
        }
    }
    Ok(())
}

fn is_source(name: &str) -> bool {
    const ENDS: [&str; 8] = [".rs", ".c", ".h", ".cpp", ".hpp", ".py", ".toml", "run"];
    ENDS.iter().any(|end| name.ends_with(end))
}

/// Returns what breaks a rule.
pub(super) fn check(files: &Files) -> Vec<String> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    let mut report =
        |line: usize, text: &str| problems.push(format!("{}:{line}: {text}", file.path));
    let is_rust = file.path.ends_with(".rs");
    if is_rust && !begins_with_documentation(&file.text) {
        report(
            1,
            "a file begins with `//!`: what it is, the idea, what it is not",
        );
    }
    let mut may_be_unsafe = is_test(&file.path)
        || UNSAFE_FILES.iter().any(|allowed| {
            file.path == *allowed || (allowed.ends_with('/') && file.path.starts_with(allowed))
        });
    let language_free = LANGUAGE_FREE
        .iter()
        .any(|folder| file.path.starts_with(folder));
    let holds_values = HOLDS_VALUES
        .iter()
        .any(|folder| file.path.starts_with(folder));
    let mut in_struct = false;
    for (index, line) in file.text.lines().enumerate() {
        for (first, second) in LEFT_BEHIND {
            if line.contains(&format!("{first}{second}")) {
                report(
                    index + 1,
                    &format!("`{first}{second}` must not be left behind"),
                );
            }
        }
        if language_free && has_word(line, "Python") {
            report(index + 1, "this crate knows nothing of Python");
        }
        if file.path.starts_with("clang-helpers/") && !READS_RUNTIME.contains(&file.path.as_str()) {
            for name in MOVES.iter().filter(|name| has_word(line, name)) {
                report(
                    index + 1,
                    &format!("`{name}` moves from one 3.13.x to the next"),
                );
            }
        }
        if !is_rust {
            continue;
        }
        let code = line.split("//").next().unwrap_or_default();
        if !may_be_unsafe && has_word(&without_strings(code), "unsafe") {
            may_be_unsafe = true; // once a file is enough
            report(
                index + 1,
                "`unsafe` stands in the listed files only (xtask/src/tidy)",
            );
        }
        if code.contains("struct ") && code.trim_end().ends_with('{') {
            in_struct = true;
        } else if code.starts_with('}') {
            in_struct = false;
        } else if in_struct && !holds_values && keeps_value(code) {
            report(index + 1, "an LLVM value must not be kept outside `ir`");
        }
    }
    problems
}

/// A crate's first page may be its README.
fn begins_with_documentation(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("//!") || first == "#![doc = include_str!(\"../README.md\")]"
}

/// Tests, benchmarks and examples call machine code and raw interfaces as users do.
fn is_test(path: &str) -> bool {
    ["/tests/", "/benches/", "/examples/"]
        .iter()
        .any(|folder| path.contains(folder))
        || path.starts_with("consumers/")
        || path.ends_with("/tests.rs")
}

/// Whether a line of a struct declares a field that holds one of inkwell's values.
fn keeps_value(code: &str) -> bool {
    code.contains(':')
        && [
            "AnyValueEnum<",
            "ArrayValue<",
            "BasicBlock<",
            "BasicValueEnum<",
            "FloatValue<",
            "FunctionValue<",
            "GlobalValue<",
            "InstructionValue<",
            "IntValue<",
            "LLVMValueRef",
            "PhiValue<",
            "PointerValue<",
            "StructValue<",
            "VectorValue<",
        ]
        .iter()
        .any(|name| code.contains(name))
        && !code.contains("fn")
}

fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
    })
}

/// The line with the contents of its string literals taken out.
fn without_strings(code: &str) -> String {
    code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str) -> Vec<String> {
        check_file(&File {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_good_file_breaks_no_rule() {
        let text = "//! What it is.\n\nfn f() -> bool { true } // not unsafe\n";
        assert!(check_text("crates/snapshot/src/a.rs", text).is_empty());
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let path = "crates/engine/src/a.rs";
        let only = |text: &str, expected: &str| {
            let problems = check_text(path, text);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(expected), "{problems:?}");
        };
        only("fn f() {}\n", "begins with");
        only("//! A.\nunsafe fn f() {}\n", "listed files");
        only("//! For Python.\n", "nothing of Python");
        only(
            "//! A.\nstruct S<'a> {\n    f: FunctionValue<'a>,\n}\n",
            "outside `ir`",
        );
        let (first, second) = LEFT_BEHIND[3];
        only(
            &format!("//! A.\nfn f() {{ {first}{second}) }}\n"),
            "left behind",
        );
    }

    #[test]
    fn the_word_in_a_string_or_a_lint_is_not_unsafe() {
        let text = "//! A.\n#![forbid(unsafe_code)]\nconst S: &str = \"unsafe\";\n";
        assert!(check_text("crates/snapshot/src/a.rs", text).is_empty());
    }
}
