//! What C declares by the macros of `martlet_bitcode.h`, made into attributes and metadata of the IR, and checked.
//!
//! The macros are `annotate` attributes. Clang keeps those of functions in a table, `@llvm.global.annotations`, and
//! those of members as calls of `llvm.ptr.annotation` around the member's address. Both are read here and taken out.
//!
//! A check looks at the body that is there after clang's optimiser and refuses whatever it cannot see to be right:
//! it never has to be believed. How often loops run is LLVM's own analysis (`opt`, scalar evolution).

use crate::clang::{Clang, Wanted};
use crate::command::{self, Tool};
use crate::error::Error;
use crate::irtext::{self, Numbered};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// The header with the macros.
pub(crate) const HEADER: &str = include_str!("martlet_bitcode.h");

/// What every annotation of ours begins with.
const PREFIX: &str = "martlet_bitcode: ";

/// The text with everything that C declares applied; `None` if it declares nothing.
pub(crate) fn apply(
    text: &str,
    clang: &Clang,
    wanted: &Wanted,
    out: &Path,
) -> Result<Option<String>, Error> {
    if !text.contains(PREFIX) {
        return Ok(None);
    }
    let file = File::read(text);
    let declared = file.declared();
    for (function, attributes) in &declared {
        file.check(function, attributes)?;
        if attributes.contains(&"willreturn") && file.has_back_edge(function) {
            file.check_loops(function, clang, wanted, out)?;
        }
    }
    let mut result = String::with_capacity(text.len());
    let mut groups = String::new();
    let mut next_group = file.numbered.first_free_group();
    let mut fields = Fields {
        first_node: file.numbered.first_free_node(),
        ..Fields::default()
    };
    for line in text.lines() {
        if line.starts_with("@llvm.global.annotations") {
            // Other annotations have no meaning in what comes after, either.
            continue;
        }
        let mut line = line.to_owned();
        if line.starts_with("define ") {
            fields.next_function();
            let name = irtext::symbol(&line).unwrap_or_default();
            if let Some(attributes) = declared.get(&name) {
                for of_result in attributes.iter().filter_map(|it| it.strip_prefix("ret ")) {
                    line = with_result_attribute(&line, &name, of_result)?;
                }
                let words = file.group_with(&line, attributes);
                groups += &format!("attributes #{next_group} = {{ {words} }}\n");
                line = with_group(&line, next_group);
                next_group += 1;
            }
        }
        result.push_str(&fields.rewrite(&line, &file));
        result.push('\n');
    }
    result.push_str(&groups);
    result.push_str(&fields.nodes());
    Ok(Some(result))
}

/// A file's functions and what is known of them.
struct File<'a> {
    numbered: Numbered<'a>,
    text: &'a str,
    bodies: HashMap<String, Body<'a>>,
    /// All attributes of each function that is defined or declared.
    attributes: HashMap<String, String>,
    /// Globals that are never written.
    constants: HashSet<String>,
    /// Texts of constants that hold one.
    strings: HashMap<String, &'a str>,
}

struct Body<'a> {
    lines: Vec<&'a str>,
    /// The line that defines each value.
    values: HashMap<&'a str, &'a str>,
}

impl<'a> File<'a> {
    fn read(text: &'a str) -> Self {
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
    fn declared(&self) -> BTreeMap<String, Vec<&'a str>> {
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
    fn group_with(&self, line: &str, declared: &[&str]) -> String {
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

    /// Compares the body with each attribute.
    fn check(&self, function: &str, attributes: &[&str]) -> Result<(), Error> {
        let Some(body) = self.bodies.get(function) else {
            return Ok(());
        };
        for attribute in attributes {
            let reason = match *attribute {
                "willreturn" => self.may_not_return(function, body),
                "nosync" => self.synchronises(body),
                text if text.starts_with("memory(") => {
                    self.touches(body, &Memory::parse(text), function)
                }
                _ => None,
            };
            if let Some(reason) = reason {
                return Err(refused(function, attribute, reason));
            }
        }
        Ok(())
    }

    fn may_not_return(&self, function: &str, body: &Body<'_>) -> Option<String> {
        if self.reaches_itself(function) {
            return Some("it calls itself, and nothing bounds how often".to_owned());
        }
        body.calls().find_map(|(line, callee)| {
            let silent = callee.as_deref().is_some_and(says_nothing);
            let fine = silent || has_word(&self.attributes_of_call(line, callee), "willreturn");
            (!fine).then(|| format!("`{}` may not return", line.trim()))
        })
    }

    fn reaches_itself(&self, function: &str) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![function.to_owned()];
        while let Some(name) = open.pop() {
            let calls = self.bodies.get(&name).into_iter().flat_map(Body::calls);
            for callee in calls.filter_map(|(_, callee)| callee) {
                if callee == function {
                    return true;
                }
                if seen.insert(callee.clone()) {
                    open.push(callee);
                }
            }
        }
        false
    }

    fn synchronises(&self, body: &Body<'_>) -> Option<String> {
        const WORDS: [&str; 6] = [
            "atomic",
            "atomicrmw",
            "cmpxchg",
            "fence",
            "volatile",
            "sideeffect",
        ];
        let mut lines = body.lines.iter().map(|line| line.trim());
        let line = lines.find(|line| WORDS.iter().any(|word| has_word(line, word)));
        let call = || {
            body.calls()
                .map(|(line, callee)| (line.trim(), callee))
                .find(|(line, callee)| {
                    let callee = callee.clone();
                    if callee
                        .as_deref()
                        .is_some_and(|name| name.starts_with("llvm.mem"))
                    {
                        return line.contains("i1 true)");
                    }
                    !callee.as_deref().is_some_and(says_nothing)
                        && !has_word(&self.attributes_of_call(line, callee), "nosync")
                })
        };
        line.map(|line| format!("`{line}` synchronises"))
            .or_else(|| call().map(|(line, _)| format!("`{line}` may synchronise")))
    }

    /// What of the body touches memory that `allowed` does not allow.
    fn touches(&self, body: &Body<'_>, allowed: &Memory, function: &str) -> Option<String> {
        let denied = |line: &str, pointer: &str, effect: u8| {
            let place = self.place(body, pointer, &mut HashSet::new());
            let may = match place {
                PointsAt::OwnStack => READ | WRITE,
                PointsAt::Constant => READ,
                PointsAt::Argument => allowed.of("argmem"),
                PointsAt::Elsewhere => allowed.of("other"),
            };
            let what = if effect & WRITE & !may != 0 {
                "writes"
            } else {
                "reads"
            };
            (effect & !may != 0).then(|| format!("`{}` {what}", line.trim()))
        };
        for line in &body.lines {
            let code = line.trim_start();
            let code = code.split_once(" = ").map_or(code, |(_, rest)| rest);
            let pointers = pointers(code);
            let found = match code.split(' ').next().unwrap_or_default() {
                _ if has_word(code, "volatile") => Some(format!("`{}` is volatile", line.trim())),
                "store" => denied(line, pointers.last()?, WRITE),
                "load" => denied(line, pointers.last()?, READ),
                "atomicrmw" | "cmpxchg" => denied(line, pointers.first()?, READ | WRITE),
                "fence" => Some(format!("`{}` orders memory", line.trim())),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        for (line, callee) in body.calls() {
            if callee
                .as_deref()
                .is_some_and(|name| says_nothing(name) || name == function)
            {
                continue;
            }
            let writes_first = callee
                .as_deref()
                .is_some_and(|name| name.starts_with("llvm.mem"));
            let memory = self.attributes_of_call(line, callee);
            let memory = memory
                .find("memory(")
                .map_or_else(Memory::any, |at| Memory::parse(&memory[at..]));
            let other = memory.of("other") & !allowed.of("other");
            if other != 0 {
                let what = if other & WRITE != 0 { "write" } else { "read" };
                return Some(format!("`{}` may {what}", line.trim()));
            }
            let code = line.split_once('(').map_or("", |(_, rest)| rest);
            for (index, pointer) in pointers(code).iter().enumerate() {
                let effect = match (writes_first, index) {
                    (true, 0) => WRITE,
                    (true, _) => READ,
                    (false, _) => memory.of("argmem"),
                };
                if let Some(reason) = denied(line, pointer, effect) {
                    return Some(reason);
                }
            }
        }
        None
    }

    /// What a pointer points at, as far as the body says.
    fn place<'b>(
        &self,
        body: &Body<'b>,
        pointer: &'b str,
        seen: &mut HashSet<&'b str>,
    ) -> PointsAt {
        if let Some(global) = pointer.strip_prefix('@') {
            let constant = self.constants.contains(global.trim_matches('"'));
            return if constant {
                PointsAt::Constant
            } else {
                PointsAt::Elsewhere
            };
        }
        let Some(line) = body.values.get(pointer) else {
            return if pointer.starts_with('%') {
                PointsAt::Argument
            } else {
                PointsAt::Elsewhere
            };
        };
        let (_, code) = line.split_once(" = ").unwrap_or_default();
        let from: Vec<&str> = match code.split(' ').next().unwrap_or_default() {
            "alloca" => return PointsAt::OwnStack,
            "getelementptr" => pointers(code).into_iter().take(1).collect(),
            "select" => pointers(code),
            "phi" => {
                let incoming = code.split('[').skip(1);
                incoming
                    .filter_map(|it| it.trim_start().split(',').next())
                    .collect()
            }
            _ => return PointsAt::Elsewhere,
        };
        if !seen.insert(pointer) {
            return PointsAt::OwnStack; // round a loop: says nothing new, and this is the least
        }
        let places = from.into_iter().map(|it| self.place(body, it, seen));
        places.max().unwrap_or(PointsAt::Elsewhere)
    }

    /// Attributes of a call: its own and its callee's.
    fn attributes_of_call(&self, line: &str, callee: Option<String>) -> String {
        let mut words = self
            .numbered
            .attributes_of(line.split(", !").next().unwrap_or_default());
        if let Some(known) = callee.and_then(|callee| self.attributes.get(&callee)) {
            words.push_str(known);
        }
        words
    }

    /// Whether control may go to a block that stands before.
    fn has_back_edge(&self, function: &str) -> bool {
        let mut seen = HashSet::new();
        let Some(body) = self.bodies.get(function) else {
            return false;
        };
        for line in &body.lines {
            if let Some((label, _)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
                seen.insert(label);
            }
            for target in line.split("label %").skip(1) {
                let target = target.split([',', ' ', ']']).next().unwrap_or_default();
                if seen.contains(target) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether LLVM knows an upper bound of every loop.
    fn check_loops(
        &self,
        function: &str,
        clang: &Clang,
        wanted: &Wanted,
        out: &Path,
    ) -> Result<(), Error> {
        let input = out.join(format!("{function}.loops.ll"));
        command::write(&input, self.text)?;
        let mut opt = Tool::new(clang.tool("opt", wanted)?);
        opt.args(&["-disable-output", "-passes=print<scalar-evolution>"].map(str::to_owned));
        let report = opt.arg(&input).run_for_messages()?;
        let _ = std::fs::remove_file(&input);
        let heading = format!("Determining loop execution counts for: @{function}");
        let mut lines = report.lines().skip_while(|line| *line != heading).skip(1);
        let lines: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.starts_with("Loop "))
            .collect();
        let bounded = |line: &&&str| {
            line.contains(" constant max backedge-taken count is ")
                || line.contains(": backedge-taken count is ")
        };
        let name = |line: &&&str| line.split(':').next().unwrap_or_default().to_owned();
        let known: HashSet<String> = lines
            .iter()
            .filter(bounded)
            .map(|line| name(&line))
            .collect();
        if !lines.is_empty() && lines.iter().all(|line| known.contains(&name(&line))) {
            return Ok(());
        }
        let reason = "it has a loop of which LLVM sees no end".to_owned();
        Err(refused(function, "willreturn", reason))
    }
}

impl<'a> Body<'a> {
    /// Lines that call, with the callee if it is named.
    fn calls(&self) -> impl Iterator<Item = (&'a str, Option<String>)> {
        self.lines
            .iter()
            .copied()
            .filter(|line| has_word(line, "call"))
            .map(|line| {
                let head = line.split('(').next().unwrap_or_default();
                (line, irtext::symbol(head))
            })
    }
}

/// What a pointer points at; of two the greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PointsAt {
    OwnStack,
    Constant,
    Argument,
    Elsewhere,
}

const READ: u8 = 1;
const WRITE: u8 = 2;

/// LLVM's `memory(...)`: what may be done to which memory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Memory {
    other: u8,
    places: Vec<(String, u8)>,
}

impl Memory {
    fn any() -> Self {
        Memory {
            other: READ | WRITE,
            places: Vec::new(),
        }
    }

    /// Reads a text that begins with `memory(`.
    fn parse(text: &str) -> Self {
        let inside = text.trim_start_matches("memory(");
        let inside = inside.split(')').next().unwrap_or_default();
        let effect = |word: &str| match word {
            "none" => 0,
            "read" => READ,
            "write" => WRITE,
            _ => READ | WRITE,
        };
        let mut memory = Memory {
            other: 0,
            places: Vec::new(),
        };
        for item in inside.split(", ") {
            match item.split_once(": ") {
                Some((place, word)) => memory.places.push((place.to_owned(), effect(word))),
                None => memory.other = effect(item),
            }
        }
        memory
    }

    /// What both allow.
    fn and(&self, other: &Memory) -> Memory {
        let places = self
            .places
            .iter()
            .chain(&other.places)
            .map(|(place, _)| place);
        let mut merged: Vec<(String, u8)> = Vec::new();
        for place in places {
            if merged.iter().all(|(known, _)| known != place) {
                merged.push((place.clone(), self.of(place) & other.of(place)));
            }
        }
        Memory {
            other: self.other & other.other,
            places: merged,
        }
    }

    fn of(&self, place: &str) -> u8 {
        let known = self.places.iter().find(|(it, _)| it == place);
        known.map_or(self.other, |(_, effect)| *effect)
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |effect| ["none", "read", "write", "readwrite"][usize::from(effect)];
        let mut items = vec![word(self.other).to_owned()];
        items.extend(
            self.places
                .iter()
                .map(|(place, effect)| format!("{place}: {}", word(*effect))),
        );
        write!(f, "memory({})", items.join(", "))
    }
}

/// Intrinsics that stand for no code.
fn says_nothing(name: &str) -> bool {
    [
        "llvm.assume",
        "llvm.lifetime.",
        "llvm.dbg.",
        "llvm.experimental.noalias.scope",
        "llvm.ptr.annotation",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// The pointer operands in a piece of IR.
fn pointers(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut words = code
        .split([' ', ',', '(', ')'])
        .filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "ptr" {
            // Attributes may stand between a type and its value.
            found.extend(
                words
                    .by_ref()
                    .find(|word| word.starts_with(['%', '@']) || *word == "null"),
            );
        }
    }
    found
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)))
        .any(|it| it == word)
}

fn refused(function: &str, attribute: &str, reason: String) -> Error {
    Error::Attribute {
        function: function.to_owned(),
        attribute: format!("`{attribute}`"),
        reason,
    }
}

/// Where the attribute group of a definition's first line stands, with its sign; empty behind the parameters if it has none.
fn group_at(line: &str) -> std::ops::Range<usize> {
    // What follows the parameters has no parenthesis.
    let after = line.rfind(") ").map_or(line.len() - 1, |at| at + 2);
    match line[after..].find('#').map(|at| after + at) {
        Some(begin) => {
            let end = line[begin..]
                .find(' ')
                .map_or(line.len(), |length| begin + length);
            begin..end
        }
        None => after..after,
    }
}

/// The first line of a definition, with this attribute group.
fn with_group(line: &str, group: usize) -> String {
    let at = group_at(line);
    let blank = if at.is_empty() { " " } else { "" };
    format!("{}#{group}{blank}{}", &line[..at.start], &line[at.end..])
}

/// The first line of a definition with one more attribute of the result.
fn with_result_attribute(line: &str, function: &str, attribute: &str) -> Result<String, Error> {
    let at_name = line.find('@').unwrap_or(0);
    let ty = irtext::signature(line.trim_start_matches("define "))
        .result
        .ty;
    let at_type = line[..at_name].rfind(&ty).unwrap_or(at_name);
    let (before, after) = line.split_at(at_type);
    let Some(bounds) = attribute.strip_prefix("range(") else {
        let known = has_word(before, attribute);
        return Ok(if known {
            line.to_owned()
        } else {
            format!("{before}{attribute} {after}")
        });
    };
    let mut numbers = bounds.trim_end_matches(')').split(", ");
    if !ty.starts_with('i') || !numbers.all(|it| it.parse::<i128>().is_ok()) {
        let reason = format!("that needs two plain numbers and an integer, not `{ty}`");
        return Err(refused(function, attribute, reason));
    }
    let known = before.contains("range(");
    Ok(if known {
        line.to_owned()
    } else {
        format!("{before}range({ty} {bounds} {after}")
    })
}

/// Members that are annotated: their addresses are plain again, and accesses by them are tagged.
#[derive(Debug, Default)]
struct Fields<'a> {
    /// Addresses of this function, with the member's name.
    addresses: HashMap<String, &'a str>,
    /// Members, numbered in the order of their first access.
    names: Vec<&'a str>,
    /// The first number of metadata that is free: of the root; two for each member follow.
    first_node: usize,
}

impl<'a> Fields<'a> {
    fn next_function(&mut self) {
        self.addresses.clear();
    }

    fn rewrite(&mut self, line: &str, file: &File<'a>) -> String {
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
    fn nodes(&self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_joined_and_written() {
        let shown = |a: &str, b: &str| Memory::parse(a).and(&Memory::parse(b)).to_string();
        assert_eq!(
            shown("memory(read)", "memory(argmem: readwrite)"),
            "memory(none, argmem: read)"
        );
        assert_eq!(
            shown(
                "memory(read, argmem: readwrite, inaccessiblemem: none)",
                "memory(read)"
            ),
            "memory(read, argmem: read, inaccessiblemem: none)"
        );
        assert_eq!(shown("memory(none)", "memory(read)"), "memory(none)");
    }

    #[test]
    fn groups_and_result_attributes_find_their_place() {
        let line = "define dso_local i64 @f(ptr initializes((0, 8)) %0) local_unnamed_addr #12 {";
        assert_eq!(
            with_group(line, 7),
            "define dso_local i64 @f(ptr initializes((0, 8)) %0) local_unnamed_addr #7 {"
        );
        assert_eq!(with_group("define void @f() {", 7), "define void @f() #7 {");
        let ranged = with_result_attribute(line, "f", "range(0, 6)").expect("plain numbers");
        assert!(
            ranged.starts_with("define dso_local range(i64 0, 6) i64 @f("),
            "{ranged}"
        );
        assert!(with_result_attribute(line, "f", "range(0, N)").is_err());
    }

    #[test]
    fn operands_that_are_pointers() {
        assert_eq!(
            pointers("store ptr %1, ptr noundef @a, align 8"),
            ["%1", "@a"]
        );
        assert_eq!(pointers("load i64, ptr %5, align 8, !tbaa !3"), ["%5"]);
    }
}
