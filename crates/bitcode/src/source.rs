//! Reading C sources for what the bitcode does not keep: declarations as written, and their comments.

use crate::irtext::Defined;

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
    /// Hash of its IR text.
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
            ir_signature: defined.ir_signature,
            doc,
            inline: defined.inline,
            instructions: defined.instructions,
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
    let macros =
        |word: &&str| !word.chars().all(|c| c.is_ascii_uppercase() || c == '_') || word.len() < 4;
    let words: Vec<&str> = before[begin..].split_whitespace().filter(macros).collect();
    let mut head = words.join(" ");
    if !head.ends_with('*') {
        head.push(' ');
    }
    (head, doc_at_end(&before[..begin]))
}

/// Where the last line that begins with `#` ends.
fn after_directive(before: &str) -> usize {
    let Some(at) = before.rfind("\n#") else {
        return 0;
    };
    let line = before[at + 1..].find('\n');
    line.map_or(before.len(), |end| at + 1 + end)
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
