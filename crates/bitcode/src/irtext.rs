//! Reading the little that is needed from textual IR: what a file defines, and what it leaves to others.
//!
//! The text is clang's own, of a known version: a definition is one line that begins with `define`, its
//! body ends with a line `}`; attributes stand in numbered groups, and metadata in numbered nodes.

use crate::seal::fnv1a;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// One function that a file defines and shows to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defined {
    pub(crate) name: String,
    pub(crate) signature: Signature,
    pub(crate) inline: bool,
    pub(crate) instructions: u32,
    pub(crate) attributes: Vec<String>,
    pub(crate) hash: u64,
}

/// How a function is called: types, and whatever of the attributes caller and callee have to agree on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Signature {
    /// Calling convention as LLVM writes it; empty for C's.
    pub(crate) convention: String,
    pub(crate) result: Place,
    pub(crate) params: Vec<Place>,
}

/// A result or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The type, as `i64` or `{ ptr, i64 }`.
    pub(crate) ty: String,
    /// `zeroext`, `signext`, `inreg`, `byval(...)`, `sret(...)`.
    pub(crate) abi: Vec<String>,
}

/// A name that a file uses and another one has to define.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct External {
    /// The symbol.
    pub name: String,
    /// What it is.
    pub kind: ExternalKind,
}

/// What an external name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExternalKind {
    /// A function.
    Function,
    /// A variable or constant.
    Data,
}

/// What one file's IR says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct IrFile {
    pub(crate) triple: String,
    pub(crate) data_layout: String,
    pub(crate) functions: Vec<Defined>,
    /// Variables that can be seen from outside.
    pub(crate) variables: Vec<String>,
    pub(crate) externals: Vec<External>,
    /// Functions that are declared: name and signature.
    pub(crate) declared: Vec<(String, Signature)>,
    /// Types of the variables that can be seen from outside, and of those that are declared.
    pub(crate) variable_types: Vec<(String, String)>,
    pub(crate) declared_variables: Vec<(String, String)>,
}

pub(crate) fn parse(text: &str) -> IrFile {
    let mut file = IrFile::default();
    let numbered = Numbered::read(text);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("define ") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
            file.functions.extend(definition(line, &body, &numbered));
        } else if let Some(rest) = line.strip_prefix("declare ") {
            if let Some(name) = symbol(rest).filter(|name| !name.starts_with("llvm.")) {
                file.declared.push((name.clone(), signature(rest)));
                file.externals.push(External {
                    name,
                    kind: ExternalKind::Function,
                });
            }
        } else if line.starts_with('@') {
            variable(line, &mut file);
        } else if let Some(rest) = line.strip_prefix("target triple = ") {
            file.triple = rest.trim_matches('"').to_owned();
        } else if let Some(rest) = line.strip_prefix("target datalayout = ") {
            file.data_layout = rest.trim_matches('"').to_owned();
        }
    }
    file
}

/// What stands behind numbers and private names, which are given out file by file and say nothing.
#[derive(Debug, Default)]
pub(crate) struct Numbered<'a> {
    groups: HashMap<&'a str, &'a str>,
    nodes: HashMap<&'a str, &'a str>,
    private: HashMap<String, &'a str>,
}

impl<'a> Numbered<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let mut numbered = Numbered::default();
        for line in text.lines() {
            let Some((name, rest)) = line.split_once(" = ") else {
                continue;
            };
            if let Some(number) = name.strip_prefix("attributes #") {
                let words = rest.trim_start_matches("{ ").trim_end_matches(" }");
                numbered.groups.insert(number, words);
            } else if let Some(number) = name.strip_prefix('!') {
                numbered.nodes.insert(number, rest);
            } else if line.starts_with('@') && rest.starts_with("private ") {
                numbered.private.extend(symbol(line).map(|it| (it, rest)));
            }
        }
        numbered
    }

    /// The words of an attribute group.
    pub(crate) fn group(&self, number: &str) -> &'a str {
        self.groups.get(number).copied().unwrap_or_default()
    }

    /// A number that no metadata has, nor any above.
    pub(crate) fn first_free_node(&self) -> usize {
        let numbers = self
            .nodes
            .keys()
            .filter_map(|number| number.parse::<usize>().ok());
        numbers.max().map_or(0, |most| most + 1)
    }

    /// A number that no attribute group has, nor any above.
    pub(crate) fn first_free_group(&self) -> usize {
        let numbers = self
            .groups
            .keys()
            .filter_map(|number| number.parse::<usize>().ok());
        numbers.max().map_or(0, |most| most + 1)
    }

    /// All attributes of the function that a `define`, a `declare` or a call names in its tail.
    pub(crate) fn attributes_of(&self, head: &str) -> String {
        let tail = head.rfind(')').map_or("", |at| &head[at + 1..]);
        let mut words = String::new();
        for word in tail.split_whitespace() {
            let _ = match word.strip_prefix('#') {
                Some(number) => write!(words, "{} ", self.group(number)),
                None => write!(words, "{word} "),
            };
        }
        words
    }

    /// A line with all that is numbered written out, so that equal meaning gives equal text.
    fn write_out(&self, line: &str, open: &mut HashSet<String>, out: &mut String) {
        let mut rest = line;
        while let Some(at) = rest.find(['#', '!', '@']) {
            out.push_str(&rest[..at]);
            let sigil = &rest[at..=at];
            rest = &rest[at + 1..];
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || "_.$-".contains(c)))
                .unwrap_or(rest.len());
            let name = &rest[..end];
            rest = &rest[end..];
            let known = match sigil {
                "#" => self.groups.get(name),
                "!" => self.nodes.get(name),
                _ => self.private.get(name),
            };
            match known {
                // A loop's node names itself.
                Some(text) if open.insert(format!("{sigil}{name}")) => {
                    out.push('<');
                    self.write_out(text, open, out);
                    out.push('>');
                    open.remove(&format!("{sigil}{name}"));
                }
                Some(_) => out.push_str("<itself>"),
                None => {
                    out.push_str(sigil);
                    out.push_str(name);
                }
            }
        }
        out.push_str(rest);
    }

    /// A hash of a function that other functions of its file, positions in the source and numbering do not change.
    fn hash(&self, head: &str, body: &[&str]) -> u64 {
        let mut text = String::new();
        for line in std::iter::once(&head).chain(body) {
            let line = line.split("; preds = ").next().unwrap_or_default();
            let line = line.split(", !dbg !").next().unwrap_or_default();
            if !line.trim_start().starts_with("#dbg_") {
                self.write_out(line.trim_end(), &mut HashSet::new(), &mut text);
                text.push('\n');
            }
        }
        fnv1a(text.as_bytes())
    }
}

/// A function others can see.
fn definition(line: &str, body: &[&str], numbered: &Numbered<'_>) -> Option<Defined> {
    let head = line.strip_prefix("define ")?.strip_suffix(" {")?;
    let head = head.split(" !dbg !").next()?;
    let before_name = head.split('@').next()?;
    let local = before_name
        .split_whitespace()
        .any(|word| matches!(word, "internal" | "private" | "linkonce_odr" | "linkonce"));
    if local {
        return None;
    }
    let instruction = |line: &&&str| line.starts_with("  ") && !line.trim_start().starts_with(';');
    let attributes = numbered.attributes_of(head);
    let attributes = shown_attributes(&attributes);
    Some(Defined {
        name: symbol(head)?,
        signature: signature(head),
        inline: !attributes.iter().any(|word| word == "noinline"),
        instructions: body.iter().filter(instruction).count() as u32,
        hash: numbered.hash(head, body),
        attributes,
    })
}

/// Attributes that say something of a function's meaning or use: not those of the target, and no pairs of strings.
fn shown_attributes(words: &str) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for word in words.split_whitespace() {
        if depth > 0 {
            let last = shown.last_mut().expect("a parenthesis was opened in one");
            last.push(' ');
            last.push_str(word);
        } else if !word.starts_with('"') && !matches!(word, "local_unnamed_addr" | "unnamed_addr") {
            shown.push(word.to_owned());
        }
        depth = (depth + word.matches('(').count()).saturating_sub(word.matches(')').count());
    }
    shown
}

/// What the first line of a definition or declaration says of calls.
pub(crate) fn signature(head: &str) -> Signature {
    let (before, after) = head.split_once('@').unwrap_or((head, ""));
    let open = after.find('(').unwrap_or(0);
    let params = split_list(&after[open..]);
    let conventions = |word: &&str| word.ends_with("cc") || word.starts_with("cc ");
    Signature {
        convention: before
            .split_whitespace()
            .find(conventions)
            .filter(|word| *word != "ccc")
            .unwrap_or_default()
            .to_owned(),
        result: Place::read(before),
        params: params.iter().map(|param| Place::read(param)).collect(),
    }
}

/// The items of a list that begins with its bracket; what follows the closing one is left.
fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut items = vec![String::new()];
    for c in text.chars() {
        match c {
            '(' | '{' | '[' | '<' => depth += 1,
            ')' | '}' | ']' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        match c {
            ',' if depth == 1 => items.push(String::new()),
            '(' | '{' if depth == 1 => {}
            _ => items.last_mut().expect("there is always one").push(c),
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

impl Place {
    /// Out of a type among linkage, attributes and a name.
    fn read(text: &str) -> Self {
        let mut abi = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_lowercase()) {
            let word = &rest[at..];
            let end = word
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(word.len());
            rest = &word[end..];
            match &word[..end] {
                word @ ("zeroext" | "signext" | "inreg" | "nest" | "swiftself") => {
                    abi.push(word.to_owned());
                }
                word @ ("byval" | "sret" | "inalloca" | "preallocated") => {
                    let close = rest.find(')').map_or(rest.len(), |at| at + 1);
                    abi.push(format!("{word}{}", &rest[..close]));
                    rest = &rest[close..];
                }
                _ => {}
            }
        }
        Place {
            ty: strip_words(text),
            abi,
        }
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let params: Vec<&str> = self.params.iter().map(|place| place.ty.as_str()).collect();
        write!(f, "{} ({})", self.result.ty, params.join(", "))
    }
}

impl Signature {
    /// With all that has to agree.
    pub(crate) fn in_full(&self) -> String {
        let place = |place: &Place| {
            let mut words = vec![place.ty.as_str()];
            words.extend(place.abi.iter().map(String::as_str));
            words.join(" ")
        };
        let params: Vec<String> = self.params.iter().map(place).collect();
        let text = format!(
            "{} {} ({})",
            self.convention,
            place(&self.result),
            params.join(", ")
        );
        text.trim_start().to_owned()
    }
}

/// The type among linkage, attributes and a name.
fn strip_words(text: &str) -> String {
    let text = text.trim();
    for (open, close) in [('{', '}'), ('<', '>'), ('[', ']')] {
        // Attributes have brackets of their own only inside of parentheses.
        let begin = text.find(open).filter(|at| !text[..*at].contains('('));
        if let Some(begin) = begin {
            let end = text.rfind(close).unwrap_or(text.len() - 1);
            return text[begin..=end].to_owned();
        }
    }
    let is_type = |word: &&str| {
        let number = word
            .strip_prefix('i')
            .is_some_and(|rest| rest.parse::<u32>().is_ok());
        number
            || matches!(
                *word,
                "ptr"
                    | "void"
                    | "double"
                    | "float"
                    | "..."
                    | "half"
                    | "bfloat"
                    | "fp128"
                    | "x86_fp80"
            )
    };
    let word = text.split_whitespace().find(is_type);
    word.unwrap_or(text).to_owned()
}

fn variable(line: &str, file: &mut IrFile) {
    let Some((name, rest)) = symbol(line).zip(line.split_once(" = ").map(|(_, rest)| rest)) else {
        return;
    };
    let mut words = rest.split_whitespace();
    let linkage = words.clone().next();
    let ty = words
        .find(|word| matches!(*word, "global" | "constant"))
        .and_then(|_| words.next())
        .unwrap_or_default();
    let ty = ty.trim_end_matches(',').to_owned();
    match linkage {
        Some("external" | "extern_weak") => {
            file.declared_variables.push((name.clone(), ty));
            file.externals.push(External {
                name,
                kind: ExternalKind::Data,
            });
        }
        Some("internal" | "private") => {}
        _ if name.starts_with("llvm.") => {}
        _ => {
            file.variable_types.push((name.clone(), ty));
            file.variables.push(name);
        }
    }
}

/// Whether a variable may be declared with one of these types and defined with the other. Of structures and arrays, of
/// which one word is given here, nothing is said: clang names and pads them file by file.
pub(crate) fn may_be_one(declared: &str, defined: &str) -> bool {
    let is_made_of_others = |ty: &str| ty.starts_with(['[', '{', '<', '%']);
    declared == defined || (is_made_of_others(declared) && is_made_of_others(defined))
}

/// The first `@name` of a line.
pub(crate) fn symbol(line: &str) -> Option<String> {
    let rest = &line[line.find('@')? + 1..];
    if let Some(quoted) = rest.strip_prefix('"') {
        return Some(quoted.split('"').next()?.to_owned());
    }
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_.$-".contains(c)))
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

/// The text without what binds functions to a processor or to a way of treating library functions: a function that
/// names them is not inlined into one that does not, and no error says so. Native code is made from the text as it was.
pub(crate) fn without_target(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if line.starts_with("attributes #") {
            let keep = |word: &&str| {
                let name = word.trim_start_matches('"');
                ![
                    "target-cpu\"",
                    "target-features\"",
                    "tune-cpu\"",
                    "no-builtin",
                ]
                .iter()
                .any(|it| name.starts_with(it))
            };
            let words: Vec<&str> = line.split(' ').filter(keep).collect();
            out.push_str(&words.join(" "));
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
target datalayout = "e-i64:64"
target triple = "x86_64-pc-linux-gnu"
@table = external global [4 x ptr], align 8
@state = local_unnamed_addr global i64 0, align 8
@.str = private unnamed_addr constant [2 x i8] c"a\00"
define { i64, i64 } @two(ptr noundef %0, { ptr, i64 } %1) local_unnamed_addr #0 {
  %3 = call i64 @other(ptr %0)
  ret { i64, i64 } zeroinitializer
}
define zeroext i1 @slow(i32 noundef %0) #1 {
  ret i1 false
}
define internal i32 @hidden() #1 {
  ret i32 0
}
define preserve_mostcc void @big(ptr dead_on_unwind sret(%struct.big) align 8 initializes((0, 40)) %0, i8 noundef signext range(i8 0, 2) %1, ptr noundef byval({ i64, [3 x i8] }) align 8 %2) #0 {
  ret void
}
declare i64 @other(ptr) #2
declare void @llvm.trap() #2
attributes #0 = { nounwind memory(argmem: read) "target-cpu"="x86-64" "no-trapping-math"="true" }
attributes #1 = { cold noinline nounwind }
"#;

    #[test]
    fn definitions() {
        let file = parse(TEXT);
        let shown: Vec<_> = file
            .functions
            .iter()
            .map(|f| {
                (
                    f.name.as_str(),
                    f.signature.to_string(),
                    f.inline,
                    f.instructions,
                )
            })
            .collect();
        let pair = "{ i64, i64 } (ptr, { ptr, i64 })".to_owned();
        assert_eq!(
            shown,
            [
                ("two", pair, true, 2),
                ("slow", "i1 (i32)".to_owned(), false, 1),
                ("big", "void (ptr, i8, ptr)".to_owned(), true, 1),
            ]
        );
        assert_eq!(file.triple, "x86_64-pc-linux-gnu");
        assert_eq!(file.data_layout, "e-i64:64");
        assert_eq!(
            file.functions[0].attributes,
            ["nounwind", "memory(argmem: read)"]
        );
    }

    #[test]
    fn what_calls_have_to_agree_on() {
        let file = parse(TEXT);
        assert_eq!(file.functions[1].signature.in_full(), "i1 zeroext (i32)");
        assert_eq!(
            file.functions[2].signature.in_full(),
            "preserve_mostcc void (ptr sret(%struct.big), i8 signext, ptr byval({ i64, [3 x i8] }))"
        );
        assert_eq!(file.declared[0].1.in_full(), "i64 (ptr)");
    }

    #[test]
    fn what_others_have_to_bring() {
        let file = parse(TEXT);
        let names: Vec<_> = file
            .externals
            .iter()
            .map(|e| (e.name.as_str(), e.kind))
            .collect();
        assert_eq!(
            names,
            [
                ("table", ExternalKind::Data),
                ("other", ExternalKind::Function)
            ]
        );
        assert_eq!(file.variables, ["state"]);
        assert_eq!(
            file.variable_types,
            [("state".to_owned(), "i64".to_owned())]
        );
        assert_eq!(
            file.declared_variables,
            [("table".to_owned(), "[4".to_owned())]
        );
    }

    #[test]
    fn the_target_goes_and_the_rest_stays() {
        let text = without_target(TEXT);
        assert!(!text.contains("target-cpu"), "{text}");
        assert!(
            text.contains("{ nounwind memory(argmem: read) \"no-trapping-math\"=\"true\" }"),
            "{text}"
        );
    }

    #[test]
    fn a_hash_is_of_meaning_not_of_numbers() {
        let of = |text: &str| parse(text).functions[0].hash;
        let one = "define i64 @f(ptr %0) #3 {\n  %2 = load i64, ptr %0, !tbaa !7\n  ret i64 %2\n}\n\
                   attributes #3 = { nounwind }\n!7 = !{!8, !8, i64 0}\n!8 = !{!\"long\"}\n";
        let renumbered = one
            .replace("#3", "#0")
            .replace("!8", "!80")
            .replace("!7", "!1");
        assert_eq!(of(one), of(&renumbered));
        assert_ne!(of(one), of(&one.replace("nounwind", "willreturn")));
        assert_ne!(of(one), of(&one.replace("\"long\"", "\"int\"")));
        assert_ne!(of(one), of(&one.replace("load i64", "load volatile i64")));
        let text = "@.str.4 = private constant [2 x i8] c\"a\\00\"\ndefine ptr @f() {\n  ret ptr @.str.4\n}\n";
        assert_eq!(of(text), of(&text.replace(".str.4", ".str.9")));
        assert_ne!(of(text), of(&text.replace("c\"a", "c\"b")));
        let itself = "define void @f() {\n  br label %1, !llvm.loop !1\n}\n!1 = distinct !{!1, !2}\n!2 = !{!\"x\"}\n";
        assert_eq!(of(itself), of(&itself.replace("!1", "!9")));
    }
}
