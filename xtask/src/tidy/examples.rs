//! Everything that a crate shows has an example of its own.
//!
//! rustdoc's lint for this passes over what a private module declares and the crate's first page
//! re-exports, which here is nearly all. So this reads what `lib.rs` exports, finds where that is
//! declared, and looks for a code block in the comment above it and above each public method. Fields and
//! variants are their type's example's business. A name that is declared nowhere is a problem too: so
//! nothing is passed over that the reader does not understand.

use std::collections::BTreeSet;

use super::sources::{File, Files};

/// The crates whose first pages promise it.
const CRATES: [&str; 1] = ["crates/ir/src/"];

const FENCE: &str = "```";

/// Returns what lacks an example.
pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for folder in CRATES {
        let files: Vec<&File> = files
            .iter()
            .filter(|file| file.path.starts_with(folder) && file.path.ends_with(".rs"))
            .collect();
        problems.extend(check_crate(folder, &files));
    }
    problems
}

fn check_crate(folder: &str, files: &[&File]) -> Vec<String> {
    let page = format!("{folder}lib.rs");
    let Some(page) = files.iter().find(|file| file.path == page) else {
        return vec![format!("{page} is not there")];
    };
    let mut exported = Exported::read(&page.text);
    let mut problems = Vec::new();
    for module in exported.modules.clone() {
        let path = format!("{folder}{module}.rs");
        match files.iter().find(|file| file.path == path) {
            Some(file) => exported.names.extend(declared(&file.text)),
            None => problems.push(format!("{path} is not there")),
        }
    }
    let mut found = BTreeSet::new();
    for file in files {
        check_file(file, &exported.names, &mut found, &mut problems);
    }
    let lost = exported.names.difference(&found);
    problems.extend(lost.map(|name| format!("{folder}: `{name}` is exported, but not found")));
    problems
}

/// What a crate's first page exports.
struct Exported {
    /// Items, by name.
    names: BTreeSet<String>,
    /// Modules, with all that they declare.
    modules: Vec<String>,
}

impl Exported {
    fn read(page: &str) -> Self {
        let (mut names, mut modules) = (BTreeSet::new(), Vec::new());
        for statement in page.split(';') {
            let statement = statement.trim_start();
            if let Some(module) = statement.strip_prefix("pub mod ") {
                modules.push(module.to_owned());
            } else if let Some((_, items)) = statement
                .strip_prefix("pub use ")
                .and_then(|path| path.split_once("::"))
            {
                let items = items.trim_matches(|c| c == '{' || c == '}').split(',');
                let items = items.map(|item| item.trim().to_owned());
                names.extend(items.filter(|item| !item.is_empty()));
            }
        }
        Self { names, modules }
    }
}

/// The public items of a file.
fn declared(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with("pub "))
        .filter_map(|line| item(line).map(str::to_owned))
}

/// The name of the item that a line declares as public. What a macro declares has none.
fn item(line: &str) -> Option<&str> {
    let words = line.trim_start().strip_prefix("pub ")?.split(' ');
    let mut words = words.skip_while(|word| ["const", "unsafe", "async"].contains(word));
    let is_item = ["fn", "struct", "enum", "trait", "type", "union", "static"];
    if !is_item.contains(&words.next()?) {
        return None;
    }
    let name = first_word(words.next()?);
    (!name.is_empty()).then_some(name)
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn check_file(
    file: &File,
    exported: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    let lines: Vec<&str> = file.text.lines().collect();
    // Whether the block that the line stands in gives methods to something exported.
    let mut shows_methods = false;
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code.starts_with("impl") && code.ends_with('{') {
            shows_methods = subject(code).is_some_and(|subject| {
                // A macro names its subject when it is used.
                subject.starts_with('$') || exported.contains(first_word(subject))
            });
        }
        let name = match item(line) {
            Some(name) if indent == 0 && exported.contains(name) => name,
            Some(name) if indent > 0 && shows_methods && code.contains("fn ") => name,
            // A macro's user gives the name and the comment.
            None if exported.contains(code) => code,
            _ => continue,
        };
        found.insert(name.to_owned());
        if !has_example(&lines[..at]) {
            problems.push(format!("{}:{}: `{name}` has no example", file.path, at + 1));
        }
    }
}

/// What an `impl` block is for.
fn subject(code: &str) -> Option<&str> {
    let after = code.strip_prefix("impl")?;
    let after = match after.strip_prefix('<') {
        Some(generics) => generics.split_once("> ")?.1,
        None => after.trim_start(),
    };
    // Methods of traits are documented with the trait.
    (!after.contains(" for ")).then_some(after)
}

/// Whether the comment that ends here, over attributes, has a code block.
fn has_example(above: &[&str]) -> bool {
    above
        .iter()
        .rev()
        .map(|line| line.trim_start())
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .any(|line| {
            let comment = line.strip_prefix("///");
            comment.is_some_and(|comment| comment.trim_start().starts_with(FENCE))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(texts: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = texts
            .iter()
            .map(|(path, text)| File {
                path: format!("crates/x/src/{path}"),
                text: (*text).to_owned(),
            })
            .collect();
        check_crate("crates/x/src/", &files.iter().collect::<Vec<_>>())
    }

    const PAGE: (&str, &str) = ("lib.rs", "mod a;\npub use a::{A,\n    B};\npub mod c;\n");

    #[test]
    fn what_has_examples_is_fine() {
        let a = "
            /// A.
            /// ```
            /// ```
            #[derive(Debug)]
pub struct A;
struct Hidden;
impl Hidden {
    pub fn needs_none(&self) {}
}
impl<T: Copy> A<T> {
    /// ```
    /// ```
    pub const fn method() {}
    pub(crate) fn inner() {}
}
handle!(
    /// ```
    /// ```
    B
);";
        let c = "/// ```\n/// ```\npub enum C {}\n";
        assert!(problems(&[PAGE, ("a.rs", a), ("c.rs", c)]).is_empty());
    }

    #[test]
    fn what_has_none_is_found() {
        let a = "/// A.\npub struct A;\nimpl A {\n    /// No.\n    pub fn method(&self) {}\n}\n";
        let c = "/// C.\n#[derive(Debug)]\npub enum C {}\n";
        let found = problems(&[PAGE, ("a.rs", a), ("c.rs", c)]);
        let names = ["`A` has", "`method` has", "`C` has", "`B` is exported"];
        assert_eq!(found.len(), names.len(), "{found:?}");
        for name in names {
            assert!(found.iter().any(|p| p.contains(name)), "{name}: {found:?}");
        }
    }

    #[test]
    fn the_example_of_one_item_is_not_the_next_ones() {
        let a = "/// ```\n/// ```\npub struct A;\n\npub struct B;\n";
        let found = problems(&[("lib.rs", "pub use a::{A, B};"), ("a.rs", a)]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
