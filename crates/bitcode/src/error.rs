//! What can go wrong while C becomes bitcode. Every text can be shown to a user as it is.

use std::path::PathBuf;

/// Why a build failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No clang was found at any of the places looked at.
    #[error("no clang {wanted} was found; looked at: {}", list(.looked_at))]
    NoClang {
        /// Major version that libLLVM has.
        wanted: u32,
        /// Places, each with what was there.
        looked_at: Vec<String>,
    },
    /// Clang was found, but its bitcode would not be read by the libLLVM in use.
    #[error(
        "`{}` is clang {found}, but the bitcode is for libLLVM {wanted}; looked at: {}",
        path.display(), list(.looked_at)
    )]
    WrongClang {
        /// The clang.
        path: PathBuf,
        /// Its version as it says it.
        found: String,
        /// Major version that libLLVM has.
        wanted: u32,
        /// Places, each with what was there.
        looked_at: Vec<String>,
    },
    /// A tool that comes with clang is missing beside it and on PATH.
    #[error("`{name}` of LLVM {wanted} was not found; looked at: {}", list(.looked_at))]
    NoTool {
        /// The tool.
        name: &'static str,
        /// Major version that libLLVM has.
        wanted: u32,
        /// Places.
        looked_at: Vec<String>,
    },
    /// A program did not start.
    #[error("`{command}` did not start: {source}")]
    Start {
        /// The full command.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The compiler, or another tool, refused its input.
    #[error("`{command}` failed ({status}{})\n{message}", and(.versions))]
    Tool {
        /// The full command.
        command: String,
        /// Its exit status.
        status: String,
        /// What it printed.
        message: String,
        /// Versions of clang and of the libLLVM that is built for; empty where they say nothing.
        versions: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `OUT_DIR` is not set and no directory was given.
    #[error("no output directory: call `out_dir` outside of a build script")]
    NoOutDir,
    /// No C file was given.
    #[error("there is nothing to compile: call `file`")]
    NoFiles,
    /// Two C files define one name.
    #[error("`{name}` is defined in `{first}` and in `{second}`")]
    Twice {
        /// The function.
        name: String,
        /// File.
        first: String,
        /// File.
        second: String,
    },
    /// A declaration says another thing than the definition, in another file.
    #[error(
        "`{name}` is defined in `{defined_in}` as `{defined}`, but declared in `{declared_in}` as `{declared}`"
    )]
    Disagree {
        /// The function or variable.
        name: String,
        /// Its LLVM type, with the attributes that calls have to agree on; of a structure or an array only how it begins.
        defined: String,
        /// File.
        defined_in: String,
        /// What the declaration says.
        declared: String,
        /// File.
        declared_in: String,
    },
    /// The seal was to have a structure that no file uses.
    #[error("no C file uses a structure `{0}`")]
    NoStructure(String),
    /// Two files see different structures under one name.
    #[error("`{0}` is not laid out the same in all files")]
    TwoLayouts(String),
    /// What C declares of a function by a macro of `martlet_bitcode.h` is not so, or cannot be seen to be so.
    #[error("`{function}` is declared {attribute}, but {reason}")]
    Attribute {
        /// The function.
        function: String,
        /// The attribute as LLVM writes it.
        attribute: String,
        /// What speaks against it.
        reason: String,
    },
    /// A function takes or returns what the generated code has no type for.
    #[error("`{function}` cannot be called by generated code: {reason}")]
    Signature {
        /// The function.
        function: String,
        /// The type, and what could be done.
        reason: String,
    },
    /// bindgen could not read the C files, or found no libclang.
    #[error("bindgen: {0}")]
    Bindgen(String),
    /// The archive of native code could not be made.
    #[error("the native archive could not be made: {0}")]
    Archive(String),
}

fn and(versions: &str) -> String {
    if versions.is_empty() {
        return String::new();
    }
    format!("; {versions}")
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.join("; ")
}

/// As displayed: `main` of a build script that returns an error prints this.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
