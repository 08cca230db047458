//! A file of textual IR: its functions, and what it says of them.

use super::memory::Memory;
use super::{PREFIX, group_at};
use crate::irtext::{self, Numbered};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A file's functions and what is known of them.
pub(super) struct File<'a> {
    pub(super) numbered: Numbered<'a>,
    pub(super) text: &'a str,
    pub(super) bodies: HashMap<String, Body<'a>>,
    /// All attributes of each function that is defined or declared.
    pub(super) attributes: HashMap<String, String>,
    /// Globals that are never written.
    pub(super) constants: HashSet<String>,
    /// Texts of constants that hold one.
    pub(super) strings: HashMap<String, &'a str>,
}

pub(super) struct Body<'a> {
    pub(super) lines: Vec<&'a str>,
    /// The line that defines each value.
    pub(super) values: HashMap<&'a str, &'a str>,
}

impl<'a> File<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let numbered = Numbered::read(text);
        let mut file = File {
            numbered,
            text,
            bodies: HashMap::new(),
            attributes: HashMap::new(),
            constants: HashSet::new(),
            strings: HashMap::new(),
        };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(name) = irtext::symbol(line) else {
                continue;
            };
            if line.starts_with("define ") || line.starts_with("declare ") {
                let head = line.trim_end_matches(" {");
                file.attributes
                    .insert(name.clone(), file.numbered.attributes_of(head));
            }
            if line.starts_with("define ") {
                let lines: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
                let values = lines.iter().filter_map(|line| {
                    let (value, _) = line.trim_start().split_once(" = ")?;
                    value.starts_with('%').then_some((value, *line))
                });
                let values = values.collect();
                file.bodies.insert(name, Body { lines, values });
            } else if line.starts_with('@') {
                if line.contains(" constant ") {
                    file.constants.insert(name.clone());
                }
                let string = line
                    .split_once(" c\"")
                    .and_then(|(_, rest)| rest.split_once("\\00\""));
                file.strings.extend(string.map(|(text, _)| (name, text)));
            }
        }
        file
    }

    /// The attributes that C declares of each function.
    pub(super) fn declared(&self) -> BTreeMap<String, Vec<&'a str>> {
        let mut declared: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let table = self
            .text
            .lines()
            .find(|line| line.starts_with("@llvm.global.annotations"));
        for entry in table
            .into_iter()
            .flat_map(|table| table.split("{ ptr @").skip(1))
        {
            let (function, rest) = entry.split_once(", ptr @").unwrap_or_default();
            let name = rest.split(',').next().unwrap_or_default();
            let text = self
                .strings
                .get(name)
                .and_then(|text| text.strip_prefix(PREFIX));
            if let Some(text) = text {
                declared
                    .entry(function.trim_matches('"').to_owned())
                    .or_default()
                    .push(text);
            }
        }
        declared
    }

    /// The words of a definition's attribute group together with those that are declared: what is known of memory is
    /// what both allow.
    pub(super) fn group_with(&self, line: &str, declared: &[&str]) -> String {
        let mut words = self
            .numbered
            .group(line[group_at(line)].trim_start_matches('#'))
            .to_owned();
        for attribute in declared.iter().filter(|it| !it.starts_with("ret ")) {
            let known = words
                .find("memory(")
                .filter(|_| attribute.starts_with("memory("));
            if let Some(begin) = known {
                let end = words[begin..]
                    .find(')')
                    .map_or(words.len(), |at| begin + at + 1);
                let both = Memory::parse(&words[begin..]).and(&Memory::parse(attribute));
                words.replace_range(begin..end, &both.to_string());
            } else if !has_word(&words, attribute) {
                words.push(' ');
                words.push_str(attribute);
            }
        }
        words
    }
}

impl<'a> Body<'a> {
    /// Lines that call, with the callee if it is named.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&'a str, Option<String>)> {
        self.lines
            .iter()
            .copied()
            .filter(|line| {
                ["call", "callbr", "invoke"]
                    .iter()
                    .any(|it| has_word(line, it))
            })
            .map(|line| {
                let head = line.split('(').next().unwrap_or_default();
                // The text of assembly names nothing.
                let is_named = !has_word(head, "asm");
                (line, irtext::symbol(head).filter(|_| is_named))
            })
    }
}

/// The pointer operands in a piece of IR; `inttoptr` stands for a number.
pub(super) fn pointers(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut words = code
        .split([' ', ',', '(', ')'])
        .filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "ptr" {
            // Attributes may stand between a type and its value.
            found.extend(
                words.by_ref().find(|word| {
                    word.starts_with(['%', '@']) || matches!(*word, "null" | "inttoptr")
                }),
            );
        }
    }
    found
}

pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)))
        .any(|it| it == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_that_are_pointers() {
        assert_eq!(
            pointers("store ptr %1, ptr noundef @a, align 8"),
            ["%1", "@a"]
        );
        assert_eq!(pointers("load i64, ptr %5, align 8, !tbaa !3"), ["%5"]);
        assert_eq!(
            pointers("store ptr %0, ptr inttoptr (i64 8 to ptr), align 8"),
            ["%0", "inttoptr"]
        );
    }
}
