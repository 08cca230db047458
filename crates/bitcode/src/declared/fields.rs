//! Members that are declared not to alias with others, as metadata of the accesses.

use super::PREFIX;
use super::file::{File, pointers};
use std::collections::HashMap;

/// Members that are annotated: their addresses are plain again, and accesses by them are tagged.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    /// Addresses of this function, with the member's name.
    addresses: HashMap<String, &'a str>,
    /// Members, numbered in the order of their first access.
    names: Vec<&'a str>,
    /// The first number of metadata that is free: of the root; two for each member follow.
    first_node: usize,
}

impl<'a> Fields<'a> {
    /// None so far; metadata is free from this number on.
    pub(super) fn new(first_node: usize) -> Self {
        Fields {
            first_node,
            ..Fields::default()
        }
    }

    pub(super) fn next_function(&mut self) {
        self.addresses.clear();
    }

    pub(super) fn rewrite(&mut self, line: &str, file: &File<'a>) -> String {
        let code = line.trim_start();
        if line.starts_with("declare ") && line.contains("@llvm.ptr.annotation.") {
            return String::new();
        }
        if let Some((value, rest)) = code.split_once(" = ")
            && let Some((_, args)) = rest.split_once("@llvm.ptr.annotation.")
        {
            let pointers = pointers(args);
            let [address, text, ..] = pointers[..] else {
                return line.to_owned();
            };
            let text = file.strings.get(text.trim_start_matches('@'));
            let name = text.and_then(|text| text.strip_prefix(PREFIX)?.strip_prefix("tbaa "));
            if let Some(name) = name {
                self.addresses.insert(value.to_owned(), name);
            }
            return format!("  {value} = getelementptr i8, ptr {address}, i64 0");
        }
        let code = code.split_once(" = ").map_or(code, |(_, rest)| rest);
        let accesses = code.starts_with("load ") || code.starts_with("store ");
        let pointers = pointers(code);
        let name = pointers
            .last()
            .and_then(|it| self.addresses.get(*it))
            .copied();
        match name.filter(|_| accesses && !code.contains("!tbaa")) {
            Some(name) => {
                let known = self.names.iter().position(|it| *it == name);
                let index = known.unwrap_or_else(|| {
                    self.names.push(name);
                    self.names.len() - 1
                });
                format!("{line}, !tbaa !{}", self.first_node + 2 * index + 2)
            }
            None => line.to_owned(),
        }
    }

    /// The metadata that accesses refer to: a root, and for each member a type and an access tag.
    pub(super) fn nodes(&self) -> String {
        if self.names.is_empty() {
            return String::new();
        }
        let root = self.first_node;
        let mut text = format!("!{root} = !{{!\"martlet_bitcode\"}}\n");
        for (index, name) in self.names.iter().enumerate() {
            let (ty, tag) = (root + 2 * index + 1, root + 2 * index + 2);
            text += &format!(
                "!{ty} = !{{!\"{name}\", !{root}, i64 0}}\n!{tag} = !{{!{ty}, !{ty}, i64 0}}\n"
            );
        }
        text
    }
}
