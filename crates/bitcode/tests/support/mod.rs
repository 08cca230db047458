//! What several tests need.

use martlet_bitcode::Clang;
use std::path::PathBuf;

/// A tool of the LLVM that a clang is of: on PATH there may be another.
pub(crate) fn tool(clang: &Clang, name: &str) -> PathBuf {
    let beside = clang.path.parent().map(ToOwned::to_owned);
    let dirs = clang.bindir.iter().cloned().chain(beside);
    let versioned = format!("{name}-{}", clang.major);
    let mut files = dirs.flat_map(|dir| [dir.join(&versioned), dir.join(name)]);
    let found = files.find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is beside {}", clang.path.display()))
}
