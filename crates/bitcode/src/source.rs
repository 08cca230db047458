//! Reading C sources for what the bitcode does not keep: declarations as written, and their comments.

use crate::irtext::{Defined, Signature};

/// One C function of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Helper {
    /// Its symbol.
    pub name: String,
    /// File name of its source.
    pub file: String,
    /// Its declaration in C; empty if it does not stand in the source in plain sight (a macro made it).
    pub signature: String,
    /// Its type in LLVM IR, as `ptr (ptr, i64)`.
    pub ir_signature: String,
    /// The comment right before it.
    pub doc: String,
    /// Whether it may be inlined (not `noinline`).
    pub inline: bool,
    /// Number of LLVM instructions.
    pub instructions: u32,
    /// What LLVM found out of it, and what C declares, as LLVM writes it.
    pub attributes: Vec<String>,
    pub(crate) call: Signature,
    /// Hash of its IR: other functions, positions in the source and numbering do not change it.
    pub hash: u64,
}

impl Helper {
    /// Joins what the IR and the source say.
    pub(crate) fn new(defined: Defined, file: &str, source: &str) -> Self {
        let (signature, doc) = find(source, &defined.name).unwrap_or_default();
        Helper {
            name: defined.name,
            file: file.to_owned(),
            signature,
            ir_signature: defined.signature.to_string(),
            doc,
            inline: defined.inline,
            instructions: defined.instructions,
            attributes: defined.attributes,
            call: defined.signature,
            hash: defined.hash,
        }
    }
}

/// Declaration and comment of the definition of `name`.
fn find(source: &str, name: &str) -> Option<(String, String)> {
    let mut from = 0;
    while let Some(at) = source[from..].find(name) {
        let start = from + at;
        from = start + name.len();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if source[..start].chars().next_back().is_some_and(word) || !source[from..].starts_with('(')
        {
            continue;
        }
        let Some(close) = closing(&source[from..]) else {
            continue;
        };
        let end = from + close + 1;
        if source[end..].trim_start().starts_with('{') {
            let before = &source[..start];
            let (head, doc) = head_and_doc(before);
            let text = format!("{head}{}", &source[start..end]);
            return Some((text.split_whitespace().collect::<Vec<_>>().join(" "), doc));
        }
    }
    None
}

/// Index of the parenthesis that closes the one at the start.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// What stands before the name in its declaration, without macros, and the comment before that.
fn head_and_doc(before: &str) -> (String, String) {
    let begin = before
        .rfind(['}', ';', '/'])
        .map_or(0, |at| at + 1)
        .max(after_directive(before));
    let words = without_macros(&before[begin..]);
    let mut head = words.join(" ");
    if !head.ends_with('*') {
        head.push(' ');
    }
    (head, doc_at_end(&before[..begin]))
}

/// The words of a piece of C but for macros (four capital letters or more) and their arguments.
fn without_macros(text: &str) -> Vec<&str> {
    let is_macro = |word: &str| {
        let name = word.split('(').next().unwrap_or_default();
        name.len() >= 4 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let mut depth = 0;
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let begins = depth == 0 && is_macro(word);
        if depth == 0 && !begins {
            words.push(word);
        } else {
            depth += word.matches('(').count();
            depth -= word.matches(')').count().min(depth);
        }
    }
    words
}

/// Where the last line that begins with `#` ends.
fn after_directive(before: &str) -> usize {
    let at = match before.rfind("\n#") {
        Some(at) => at + 1,
        None if before.starts_with('#') => 0,
        None => return 0,
    };
    let line = before[at..].find('\n');
    line.map_or(before.len(), |end| at + end)
}

/// The block comment that a text ends with, without its decoration.
fn doc_at_end(text: &str) -> String {
    let Some(text) = text.trim_end().strip_suffix("*/") else {
        return String::new();
    };
    let Some(open) = text.rfind("/*") else {
        return String::new();
    };
    let lines = text[open + 2..].lines();
    let lines = lines.map(|line| line.trim().trim_start_matches('*').trim());
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
/* file */\n#include <stdint.h>\n\n/* Twice v.\n * Source: nowhere. */\nTWO_HELPER int64_t twice(int64_t v,\n                         int x)\n{\n    return 2 * v;\n}\n\n\
int use(void) { return (int)twice(1, 2); }\nstatic char *later(int a);\nEXPORT char *later(int a)\n{\n}\n";

    #[test]
    fn declaration_and_comment() {
        let (signature, doc) = find(SOURCE, "twice").expect("it is defined");
        assert_eq!(signature, "int64_t twice(int64_t v, int x)");
        assert_eq!(doc, "Twice v. Source: nowhere.");
    }

    #[test]
    fn macros_and_directives_do_not_belong() {
        let source = "#include <a.h>\nREADS RANGE(0, 6) int f(int v) {}";
        let (signature, _) = find(source, "f").expect("it is defined");
        assert_eq!(signature, "int f(int v)");
    }

    #[test]
    fn without_a_comment() {
        let (signature, doc) = find(SOURCE, "later").expect("it is defined");
        assert_eq!(
            (signature.as_str(), doc.as_str()),
            ("char *later(int a)", "")
        );
    }

    #[test]
    fn calls_are_no_definitions() {
        assert_eq!(find("int f(void) { return g(1); }", "g"), None);
    }
}
