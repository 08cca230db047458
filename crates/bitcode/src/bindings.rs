//! The functions, constants, enums and structures of the C files in Rust, by bindgen.

use crate::clang::Clang;
use crate::command::Tool;
use crate::error::Error;
use crate::loader;
use std::collections::BTreeSet;
use std::panic;
use std::path::{Path, PathBuf};

/// A module `c`. Declared is what stands in the files themselves and in files of their folders and of the folders given
/// by `Build::include`; of others what these need. For each of the functions in `native` its module `native` has one of
/// that name, which gives its address.
pub(crate) fn text(
    clang: &Clang,
    flags: &[String],
    include: &Path,
    files: &[&PathBuf],
    native: &[&str],
) -> Result<String, Error> {
    let resources = Tool::new(&clang.path).arg("-print-resource-dir").run()?;
    let edition_2024 = bindgen::RustTarget::stable(85, 0);
    let edition_2024 = edition_2024.map_err(|error| Error::Bindgen(error.to_string()))?;
    let mut builder = bindgen::Builder::default()
        .clang_args(flags)
        .clang_args(["-resource-dir", resources.trim(), "-fparse-all-comments"])
        .clang_args(["-isystem".to_owned(), include.display().to_string()])
        .formatter(bindgen::Formatter::Prettyplease)
        .rust_target(edition_2024)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .layout_tests(false)
        .use_core();
    let mut folders: BTreeSet<PathBuf> = flags
        .iter()
        .filter_map(|flag| flag.strip_prefix("-I"))
        .map(PathBuf::from)
        .collect();
    for file in files {
        // Of several files clang finds all but the last by searching, and then names them otherwise than they were given.
        let file = absolute(file)?;
        builder = builder.header(file.to_string_lossy());
        folders.extend(file.parent().map(Path::to_owned));
    }
    for folder in folders {
        let folder = absolute(&folder)?;
        builder = builder.allowlist_file(format!("{}/.*", escaped(&folder.to_string_lossy())));
    }
    // It panics where there is no libclang.
    let generated = panic::catch_unwind(panic::AssertUnwindSafe(|| builder.generate()));
    let generated = generated.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Error::Bindgen(text.unwrap_or_else(|| "it panicked".to_owned()))
    })?;
    let bindings = generated.map_err(|error| Error::Bindgen(error.to_string()))?;
    let bindings = bindings.to_string();
    let native: String = native
        .iter()
        .filter_map(|name| address(&bindings, name))
        .collect();
    Ok(format!(
        "\n/// The functions, constants and types as C declares them.\n\
         #[allow(nonstandard_style, clashing_extern_declarations, dead_code, missing_docs, unused_imports, clippy::all, reason = \"as in C\")]\n\
         pub mod c {{\n{bindings}\n/// The native functions.\npub mod native {{\n    use super::*;\n{native}}}\n}}\n"
    ))
}

/// A function that gives the native function `name`, with its type as bindgen declares it; `None` if it does not.
fn address(bindings: &str, name: &str) -> Option<String> {
    let name = loader::rust_name(name);
    let (_, rest) = bindings.split_once(&format!("pub fn {name}("))?;
    let (declaration, _) = rest.split_once(';')?;
    let declaration = declaration.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(format!(
        "    /// The native function.\n    pub fn {name}() -> unsafe extern \"C\" fn({declaration} {{ super::{name} }}\n"
    ))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// A path as a regular expression that matches just it.
fn escaped(path: &str) -> String {
    let special = |c: char| !(c.is_alphanumeric() || "/_-".contains(c));
    let mut out = String::new();
    for c in path.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
