//! Reading the dependency files that clang writes for make.

use std::path::PathBuf;

/// The files that a dependency file's one target was made from.
pub(crate) fn parse(text: &str) -> Vec<PathBuf> {
    // The target ends at the first colon that a blank follows; in paths, blanks are escaped.
    let rest = match text.find(": ").or_else(|| text.find(":\n")) {
        Some(at) => &text[at + 1..],
        None => return Vec::new(),
    };
    let mut files = Vec::new();
    let mut word = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => {
                chars.next();
                finish(&mut word, &mut files);
            }
            ('\\', Some(' ' | '#' | '\\')) | ('$', Some('$')) => word.extend(chars.next()),
            (c, _) if c.is_whitespace() => finish(&mut word, &mut files),
            (c, _) => word.push(c),
        }
    }
    finish(&mut word, &mut files);
    files
}

fn finish(word: &mut String, files: &mut Vec<PathBuf>) {
    if !word.is_empty() {
        files.push(PathBuf::from(std::mem::take(word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_lines_and_escapes() {
        let files =
            parse("out/a.o: src/a.c \\\n  /usr/include/b.h src/with\\ blank.h \\\n src/$$.h\n");
        let expected = ["src/a.c", "/usr/include/b.h", "src/with blank.h", "src/$.h"];
        assert_eq!(files, expected.map(PathBuf::from));
    }

    #[test]
    fn nothing_to_read() {
        assert!(parse("").is_empty());
    }
}
