//! The generated Rust module: bitcode, a list of functions, the seal and the addresses of native code.
//!
//! It depends on nothing but `core` and `std`, so that who includes it needs no run-time dependency.

use crate::build::Built;
use crate::irtext::ExternalKind;
use crate::source::Helper;
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
    /// Hash of its IR text.
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
}
"#;

pub(crate) fn text(built: &Built) -> String {
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
    text
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
            hash,
        } = helper;
        let _ = writeln!(
            text,
            "    Helper {{ name: {name:?}, file: {file:?}, signature: {signature:?}, ir_signature: {ir_signature:?}, \
             doc: {doc:?}, inline: {inline}, instructions: {instructions}, hash: {hash:#018x} }},"
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
    let _ = writeln!(text, "    ],\n    bitcode: {:#018x},\n}};", seal.bitcode);
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
        let _ = match kind {
            ExternalKind::Function => writeln!(text, "        pub(super) fn {name}();"),
            ExternalKind::Data => writeln!(text, "        pub(super) static {name}: u8;"),
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
        let _ = match kind {
            ExternalKind::Function => {
                writeln!(
                    text,
                    "            ({name:?}, native::{name} as *const () as usize),"
                )
            }
            ExternalKind::Data => writeln!(
                text,
                "            ({name:?}, &raw const native::{name} as usize),"
            ),
        };
    }
    text.push_str("        ]\n    })\n}\n");
}
