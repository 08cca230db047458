//! Sizes and offsets of structures, as clang lays them out.
//!
//! Clang prints them (`-fdump-record-layouts`) while it compiles, so what is sealed is what the code was made with. Only
//! the members of a structure itself are kept, not those of members.

use crate::error::Error;

/// One structure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Its name, as `struct name` or that of a typedef.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Its named members.
    pub fields: Vec<Field>,
}

/// A member of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Offset in bytes; of a bit-field, that of the byte it begins in.
    pub offset: u64,
}

/// The structures of these names in what clang printed.
pub(crate) fn parse(text: &str, names: &[String]) -> Vec<Layout> {
    let mut layouts = Vec::new();
    for block in text.split("*** Dumping ").skip(1) {
        let Some(block) = block.strip_prefix("AST Record Layout\n") else {
            continue;
        };
        let mut lines = block.lines().filter_map(|line| line.split_once(" |"));
        let Some(name) = lines.next().map(|(_, rest)| rest.trim().to_owned()) else {
            continue;
        };
        if !names.contains(&name) {
            continue;
        }
        let mut layout = Layout {
            name,
            size: 0,
            fields: Vec::new(),
        };
        for (offset, rest) in lines {
            if let Some(size) = rest.trim_start().strip_prefix("[sizeof=") {
                let digits = size.split(',').next().unwrap_or_default();
                layout.size = digits.parse().unwrap_or_default();
            } else if rest.starts_with("   ") && !rest.starts_with("    ") {
                layout.fields.extend(field(offset, rest));
            }
        }
        layouts.push(layout);
    }
    layouts
}

/// Reads `16 |   PyObject * name`; an anonymous member ends with a blank.
fn field(offset: &str, rest: &str) -> Option<Field> {
    let (_, name) = rest.rsplit_once(' ')?;
    let name = name.trim_end();
    if name.is_empty() || name.ends_with(')') {
        return None;
    }
    let offset = offset.trim().split(':').next()?;
    Some(Field {
        name: name.to_owned(),
        offset: offset.parse().ok()?,
    })
}

/// One layout a name, in the order of the names.
pub(crate) fn merge(
    names: &[String],
    layouts: impl Iterator<Item = Layout>,
) -> Result<Vec<Layout>, Error> {
    let layouts: Vec<Layout> = layouts.collect();
    let mut merged: Vec<Layout> = Vec::new();
    for name in names {
        let mut found = layouts.iter().filter(|layout| layout.name == *name);
        let Some(first) = found.next() else {
            return Err(Error::NoStructure(name.clone()));
        };
        if found.any(|other| other != first) {
            return Err(Error::TwoLayouts(name.clone()));
        }
        merged.push(first.clone());
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
*** Dumping AST Record Layout
         0 | struct in
         0 |   int a
         8 |   union in::(anonymous at a.c:3:20) 
         8 |     long l
    16:0-3 |   unsigned int bits
        24 |   struct (unnamed at a.c:3:49)[2] n
           | [sizeof=32, align=8]

*** Dumping IRgen Record Layout
Record: RecordDecl 0x1 <a.c:3:20, col:46> col:20 union definition
*** Dumping AST Record Layout
         0 | struct other
           | [sizeof=0, align=1]
";

    #[test]
    fn members_of_the_structure_itself() {
        let layouts = parse(TEXT, &["struct in".to_owned()]);
        assert_eq!(layouts.len(), 1);
        assert_eq!(
            (layouts[0].name.as_str(), layouts[0].size),
            ("struct in", 32)
        );
        let fields: Vec<_> = layouts[0]
            .fields
            .iter()
            .map(|it| (it.name.as_str(), it.offset))
            .collect();
        assert_eq!(fields, [("a", 0), ("bits", 16), ("n", 24)]);
    }

    #[test]
    fn one_layout_a_name() {
        let name = ["struct in".to_owned()];
        let layouts = parse(TEXT, &name);
        assert!(
            merge(
                &name,
                [layouts.clone(), layouts.clone()].concat().into_iter()
            )
            .is_ok()
        );
        let mut other = layouts.clone();
        other[0].fields[0].offset = 4;
        let two = merge(&name, [layouts, other].concat().into_iter());
        assert!(matches!(two, Err(Error::TwoLayouts(_))), "{two:?}");
        let none = merge(&name, std::iter::empty());
        assert!(matches!(none, Err(Error::NoStructure(_))), "{none:?}");
    }
}
