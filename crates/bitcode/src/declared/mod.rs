//! What C declares by the macros of `martlet_bitcode.h`, made into attributes and metadata of the IR, and checked.
//!
//! The macros are `annotate` attributes. Clang keeps those of functions in a table, `@llvm.global.annotations`, and
//! those of members as calls of `llvm.ptr.annotation` around the member's address. Both are read here and taken out.
//!
//! A check looks at the body that is there after clang's optimiser and refuses whatever it cannot see to be right:
//! it never has to be believed. How often loops run is LLVM's own analysis (`opt`, scalar evolution).

mod check;
mod fields;
mod file;
mod memory;

use crate::clang::{Clang, Wanted};
use crate::error::Error;
use crate::irtext;
use fields::Fields;
use file::{File, has_word};
use std::path::Path;

/// The header with the macros.
pub(crate) const HEADER: &str = include_str!("../martlet_bitcode.h");

/// What every annotation of ours begins with.
const PREFIX: &str = "martlet_bitcode: ";

/// The text with everything that C declares applied; `None` if it declares nothing. It is that of the file `ir`.
pub(crate) fn apply(
    text: &str,
    clang: &Clang,
    wanted: &Wanted,
    ir: &Path,
) -> Result<Option<String>, Error> {
    if !text.contains(PREFIX) {
        return Ok(None);
    }
    let file = File::read(text);
    let declared = file.declared();
    for (function, attributes) in &declared {
        file.check(function, attributes)?;
        if attributes.contains(&"willreturn") && file.has_back_edge(function) {
            file.check_loops(function, clang, wanted, ir)?;
        }
    }
    let mut result = String::with_capacity(text.len());
    let mut groups = String::new();
    let mut next_group = file.numbered.first_free_group();
    let mut fields = Fields::new(file.numbered.first_free_node());
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
