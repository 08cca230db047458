//! The generated Rust module: bitcode, a list of functions, the seal and the addresses of native code.
//!
//! It depends on nothing but `core` and `std`, so that who includes it needs no run-time dependency.

use crate::build::Built;
use crate::error::Error;
use crate::irtext::ExternalKind;
use crate::source::Helper;
use crate::typed;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The part that is the same for every library.
const TYPES: &str = r#"/// One exported C function that is in the bitcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Helper {
    /// Its symbol.
    pub name: &'static str,
    /// File name of its source.
    pub file: &'static str,
    /// Its declaration in C.
    pub signature: &'static str,
    /// Its type in LLVM IR.
    pub ir_signature: &'static str,
    /// The comment right before it in the source.
    pub doc: &'static str,
    /// Whether it may be inlined; otherwise calls go to the native function.
    pub inline: bool,
    /// Number of LLVM instructions.
    pub instructions: u32,
    /// What LLVM found out of it, and what C declares, as LLVM writes it.
    pub attributes: &'static [&'static str],
    /// Hash of its IR: other functions, positions in the source and numbering do not change it.
    pub hash: u64,
}

/// What the bitcode was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Major version of the LLVM that has to read it.
    pub llvm_major: u32,
    /// Version of the clang that made it.
    pub clang: &'static str,
    /// Target triple.
    pub triple: &'static str,
    /// Data layout.
    pub data_layout: &'static str,
    /// File names of the C sources with the hashes of their text.
    pub files: &'static [(&'static str, u64)],
    /// Hash of the bitcode.
    pub bitcode: u64,
    /// Structures that come from elsewhere, as the bitcode was compiled with them.
    pub layouts: &'static [Structure],
}

/// A structure as the bitcode was compiled with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    /// Its name, as `struct name` or that of a typedef.
    pub name: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// Named members with their offsets in bytes.
    pub fields: &'static [(&'static str, u64)],
}

/// Answers what the running program really has.
pub trait LayoutProbe {
    /// Size of a structure in bytes; `None` if it cannot be known.
    fn size(&self, structure: &str) -> Option<u64>;
    /// Offset of a member in bytes; `None` if it cannot be known.
    fn offset(&self, structure: &str, field: &str) -> Option<u64>;
}

/// The running program has another structure than the bitcode was compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// Its size differs.
    Size {
        /// The structure.
        structure: &'static str,
        /// In the bitcode, in bytes.
        built: u64,
        /// In the running program, in bytes.
        found: u64,
    },
    /// A member is elsewhere.
    Offset {
        /// The structure.
        structure: &'static str,
        /// The member.
        field: &'static str,
        /// In the bitcode, in bytes.
        built: u64,
        /// In the running program, in bytes.
        found: u64,
    },
}

impl std::fmt::Display for LayoutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LayoutError::Size { structure, built, found } => {
                write!(f, "`{structure}` has {found} bytes, but the bitcode was built for {built}")
            }
            LayoutError::Offset { structure, field, built, found } => write!(
                f,
                "`{field}` of `{structure}` is at {found}, but the bitcode was built for {built}"
            ),
        }
    }
}

impl std::error::Error for LayoutError {}

impl Seal {
    /// Compares all structures with what the probe answers; gives the names of those of which it answers nothing.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_layout(&self, probe: &dyn LayoutProbe) -> Result<Vec<&'static str>, LayoutError> {
        let mut unchecked = Vec::new();
        for &Structure { name: structure, size: built, fields } in self.layouts {
            let size = probe.size(structure);
            if let Some(found) = size.filter(|found| *found != built) {
                return Err(LayoutError::Size { structure, built, found });
            }
            let mut answered = size.is_some();
            for &(field, built) in fields {
                let offset = probe.offset(structure, field);
                if let Some(found) = offset.filter(|found| *found != built) {
                    return Err(LayoutError::Offset { structure, field, built, found });
                }
                answered |= offset.is_some();
            }
            if !answered {
                unchecked.push(structure);
            }
        }
        Ok(unchecked)
    }
}
"#;

pub(crate) fn text(built: &Built, inkwell: Option<&str>, bindings: &str) -> Result<String, Error> {
    let mut text = String::from("// Generated from C sources; do not edit.\n\n");
    let bitcode = built.bitcode.display().to_string();
    let _ = writeln!(
        text,
        "/// The bitcode of all functions, linked into one file."
    );
    let _ = writeln!(
        text,
        "pub static BITCODE: &[u8] = include_bytes!({bitcode:?});\n"
    );
    text.push_str(TYPES);
    list(
        &mut text,
        "HELPERS",
        "The exported functions in the bitcode.",
        &built.helpers,
    );
    seal(&mut text, built);
    if built.archive.is_some() {
        native(&mut text, built);
    }
    if let Some(path) = inkwell {
        typed::write(&mut text, &built.helpers, path, bindings)?;
    }
    text.push_str(bindings);
    Ok(text)
}

fn list(text: &mut String, name: &str, doc: &str, helpers: &[Helper]) {
    let _ = writeln!(text, "\n/// {doc}\npub static {name}: &[Helper] = &[");
    for helper in helpers {
        let Helper {
            name,
            file,
            signature,
            ir_signature,
            doc,
            inline,
            instructions,
            attributes,
            hash,
            ..
        } = helper;
        let _ = writeln!(
            text,
            "    Helper {{ name: {name:?}, file: {file:?}, signature: {signature:?}, ir_signature: {ir_signature:?}, \
             doc: {doc:?}, inline: {inline}, instructions: {instructions}, attributes: &{attributes:?}, hash: {hash:#018x} }},"
        );
    }
    text.push_str("];\n");
}

fn seal(text: &mut String, built: &Built) {
    let seal = &built.seal;
    let _ = writeln!(
        text,
        "\n/// What the bitcode was made from.\npub static SEAL: Seal = Seal {{\n    llvm_major: {},\n    clang: {:?},\n    \
         triple: {:?},\n    data_layout: {:?},\n    files: &[",
        seal.llvm_major, seal.clang, seal.triple, seal.data_layout
    );
    for file in &seal.files {
        let _ = writeln!(text, "        ({:?}, {:#018x}),", file.name, file.hash);
    }
    let _ = writeln!(
        text,
        "    ],\n    bitcode: {:#018x},\n    layouts: &[",
        seal.bitcode
    );
    for layout in &seal.layouts {
        let fields = layout
            .fields
            .iter()
            .map(|field| (&field.name, field.offset));
        let _ = writeln!(
            text,
            "        Structure {{ name: {:?}, size: {}, fields: &{:?} }},",
            layout.name,
            layout.size,
            fields.collect::<Vec<_>>()
        );
    }
    text.push_str("    ],\n};\n");
}

/// Names and addresses of everything that bitcode may refer to. A name is declared as what it is, but with a made-up
/// type: only its address is taken.
fn native(text: &mut String, built: &Built) {
    let mut symbols: BTreeMap<&str, ExternalKind> = BTreeMap::new();
    for helper in built.helpers.iter().chain(&built.native_only) {
        symbols.insert(&helper.name, ExternalKind::Function);
    }
    symbols.extend(
        built
            .variables
            .iter()
            .map(|name| (name.as_str(), ExternalKind::Data)),
    );
    symbols.extend(
        built
            .externals
            .iter()
            .map(|external| (external.name.as_str(), external.kind)),
    );
    text.push_str("\n#[allow(clashing_extern_declarations, reason = \"only addresses are taken\")]\nmod native {\n");
    text.push_str("    unsafe extern \"C\" {\n");
    for (name, kind) in &symbols {
        let ident = rust_name(name);
        if ident != *name {
            let _ = writeln!(text, "        #[link_name = {name:?}]");
        }
        let _ = match kind {
            ExternalKind::Function => writeln!(text, "        pub(super) fn {ident}();"),
            ExternalKind::Data => writeln!(text, "        pub(super) static {ident}: u8;"),
        };
    }
    text.push_str("    }\n}\n");
    text.push_str(
        "\n/// Name and address of every function and variable of the native twin, and of all that the bitcode takes\n\
         /// from elsewhere, sorted by name.\n\
         pub fn native_symbols() -> &'static [(&'static str, usize)] {\n    \
         static SYMBOLS: std::sync::OnceLock<Vec<(&'static str, usize)>> = std::sync::OnceLock::new();\n    \
         SYMBOLS.get_or_init(|| {\n        vec![\n",
    );
    for (name, kind) in &symbols {
        let ident = rust_name(name);
        let _ = match kind {
            ExternalKind::Function => {
                writeln!(
                    text,
                    "            ({name:?}, native::{ident} as *const () as usize),"
                )
            }
            ExternalKind::Data => writeln!(
                text,
                "            ({name:?}, &raw const native::{ident} as usize),"
            ),
        };
    }
    text.push_str("        ]\n    })\n}\n");
}

/// Words of Rust that are none of C's.
const WORDS: [&str; 40] = [
    "abstract", "as", "async", "await", "become", "box", "crate", "dyn", "false", "final", "fn",
    "gen", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "pub", "ref", "self", "Self", "super", "trait", "true", "try", "type", "typeof", "unsafe",
    "unsized", "use", "virtual", "where", "yield", "_",
];

/// What a C name is called in Rust: a word of Rust gets a `_` at its end, as bindgen gives it.
pub(crate) fn rust_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    if name.chars().all(plain) && !WORDS.contains(&name) {
        return name.to_owned();
    }
    format!("{}_", name.replace(|c| !plain(c), "_"))
}
