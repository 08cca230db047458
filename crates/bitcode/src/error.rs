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
    #[error("`{command}` failed ({status})\n{message}")]
    Tool {
        /// The full command.
        command: String,
        /// Its exit status.
        status: String,
        /// What it printed.
        message: String,
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
    /// The archive of native code could not be made.
    #[error("the native archive could not be made: {0}")]
    Archive(String),
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
