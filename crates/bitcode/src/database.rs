//! `compile_commands.json`, by which editors and tools such as clang-tidy read C files as the build does.
//! Source: "JSON Compilation Database Format Specification" of clang.

use crate::command;
use crate::error::Error;
use std::path::{Path, PathBuf};

/// Writes it into `out`: one entry a file, with the full command.
pub(crate) fn write(out: &Path, commands: &[(PathBuf, Vec<String>)]) -> Result<(), Error> {
    let here = std::env::current_dir().unwrap_or_default();
    let entry = |(file, words): &(PathBuf, Vec<String>)| {
        let words: Vec<String> = words.iter().map(|word| json(word)).collect();
        format!(
            "  {{\n    \"directory\": {},\n    \"file\": {},\n    \"arguments\": [{}]\n  }}",
            json(&here.to_string_lossy()),
            json(&file.to_string_lossy()),
            words.join(", ")
        )
    };
    let entries: Vec<String> = commands.iter().map(entry).collect();
    let text = format!("[\n{}\n]\n", entries.join(",\n"));
    command::write(&out.join("compile_commands.json"), &text)
}

/// A JSON string.
fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(json("-DX=\"a\\b\"\n"), r#""-DX=\"a\\b\"\u000a""#);
    }
}
