//! Reading the little that is needed from textual IR: what a file defines, and what it leaves to others.
//!
//! The text is clang's own, of a known version: a definition is one line that begins with `define`, its
//! body ends with a line `}`; attributes stand in numbered groups.

use crate::seal::fnv1a;

/// One function that a file defines and shows to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defined {
    pub(crate) name: String,
    pub(crate) ir_signature: String,
    pub(crate) inline: bool,
    pub(crate) instructions: u32,
    pub(crate) hash: u64,
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
}

pub(crate) fn parse(text: &str) -> IrFile {
    let mut file = IrFile::default();
    let mut groups = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("define ") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
            if let Some((function, group)) = definition(line, &body) {
                file.functions.push(function);
                groups.push(group);
            }
        } else if let Some(rest) = line.strip_prefix("declare ") {
            let name = symbol(rest).filter(|name| !name.starts_with("llvm."));
            file.externals.extend(name.map(|name| External {
                name,
                kind: ExternalKind::Function,
            }));
        } else if line.starts_with('@') {
            variable(line, &mut file);
        } else if let Some(rest) = line.strip_prefix("attributes #") {
            attributes(rest, &groups, &mut file.functions);
        } else if let Some(rest) = line.strip_prefix("target triple = ") {
            file.triple = rest.trim_matches('"').to_owned();
        } else if let Some(rest) = line.strip_prefix("target datalayout = ") {
            file.data_layout = rest.trim_matches('"').to_owned();
        }
    }
    file
}

/// A function others can see, with the number of its attribute group.
fn definition(line: &str, body: &[&str]) -> Option<(Defined, String)> {
    let head = line.strip_prefix("define ")?.strip_suffix(" {")?;
    let before_name = head.split('@').next()?;
    let local = before_name
        .split_whitespace()
        .any(|word| matches!(word, "internal" | "private" | "linkonce_odr" | "linkonce"));
    if local {
        return None;
    }
    let instruction = |line: &&&str| line.starts_with("  ") && !line.trim_start().starts_with(';');
    let mut text = vec![head];
    text.extend_from_slice(body);
    let group = head.rsplit('#').next().unwrap_or_default();
    let group = group.split_whitespace().next().unwrap_or_default();
    let function = Defined {
        name: symbol(head)?,
        ir_signature: signature(head),
        inline: true,
        instructions: body.iter().filter(instruction).count() as u32,
        hash: fnv1a(text.join("\n").as_bytes()),
    };
    Some((function, group.to_owned()))
}

/// `ptr (ptr, i64)` out of a definition's first line: types only.
fn signature(head: &str) -> String {
    let (before, after) = head.split_once('@').unwrap_or((head, ""));
    let result = strip_words(before);
    let open = after.find('(').unwrap_or(0);
    let mut depth = 0_u32;
    let mut params = vec![String::new()];
    for c in after[open..].chars() {
        match c {
            '(' | '{' | '[' | '<' => depth += 1,
            ')' | '}' | ']' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        match c {
            ',' if depth == 1 => params.push(String::new()),
            '(' if depth == 1 => {}
            _ => params.last_mut().expect("there is always one").push(c),
        }
    }
    let params: Vec<String> = params.iter().map(|param| strip_words(param)).collect();
    format!("{result} ({})", params.join(", "))
}

/// The type among linkage, attributes and a name.
fn strip_words(text: &str) -> String {
    let text = text.trim();
    if let Some(open) = text.find('{') {
        let close = text.rfind('}').unwrap_or(text.len() - 1);
        return text[open..=close].to_owned();
    }
    let is_type = |word: &&str| {
        let number = word
            .strip_prefix('i')
            .is_some_and(|rest| rest.parse::<u32>().is_ok());
        number
            || matches!(
                *word,
                "ptr" | "void" | "double" | "float" | "..." | "half" | "fp128" | "x86_fp80"
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
    match words.next() {
        Some("external" | "extern_weak") => file.externals.push(External {
            name,
            kind: ExternalKind::Data,
        }),
        Some("internal" | "private") => {}
        _ if name.starts_with("llvm.") => {}
        _ => file.variables.push(name),
    }
}

/// The first `@name` of a line.
fn symbol(line: &str) -> Option<String> {
    let rest = &line[line.find('@')? + 1..];
    if let Some(quoted) = rest.strip_prefix('"') {
        return Some(quoted.split('"').next()?.to_owned());
    }
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_.$-".contains(c)))
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

fn attributes(rest: &str, groups: &[String], functions: &mut [Defined]) {
    let Some((number, words)) = rest.split_once(" = ") else {
        return;
    };
    if !words.split_whitespace().any(|word| word == "noinline") {
        return;
    }
    for (group, function) in groups.iter().zip(functions) {
        if group == number {
            function.inline = false;
        }
    }
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
declare i64 @other(ptr) #2
declare void @llvm.trap() #2
attributes #0 = { nounwind "target-cpu"="x86-64" }
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
                    f.ir_signature.as_str(),
                    f.inline,
                    f.instructions,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("two", "{ i64, i64 } (ptr, { ptr, i64 })", true, 2),
                ("slow", "i1 (i32)", false, 1),
            ]
        );
        assert_eq!(file.triple, "x86_64-pc-linux-gnu");
        assert_eq!(file.data_layout, "e-i64:64");
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
    }
}
