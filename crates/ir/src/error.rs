//! What can go wrong, by cause.

use crate::stale::{Fall, Stale};

/// Why an operation on a module failed. The module stays usable after each of these.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A handle or an owned function has no value any more.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Asserting handles lost their values. The operation itself was carried out.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Asserted(Vec<Fall>),
    /// The text of a pass pipeline is not one.
    #[error("pipeline `{pipeline}`: {message}")]
    Pipeline {
        /// The text.
        pipeline: String,
        /// LLVM's words.
        message: String,
    },
    /// The verifier found the module broken.
    #[error("the verifier found: {0}")]
    Verifier(String),
    /// LLVM reported an error through the context.
    #[error("LLVM reported: {0}")]
    Diagnostic(String),
    /// The bytes are not bitcode that this LLVM reads. Bitcode of a newer LLVM is among these.
    #[error("`{name}` is not bitcode for this LLVM: {message}")]
    Bitcode {
        /// What the caller calls it.
        name: String,
        /// LLVM's words.
        message: String,
    },
    /// No function of that name is in the module.
    #[error("there is no function `{0}`")]
    NoFunction(String),
    /// A definition was needed, but there is only a declaration.
    #[error("`{0}` is declared, not defined")]
    NotDefined(String),
    /// A function cannot be cloned into a unit of its own.
    #[error("`{function}` cannot be extracted: {message}")]
    Extract {
        /// The label of the function.
        function: String,
        /// What is in the way.
        message: String,
    },
    /// A library cannot be imported from. No body was left in the module by half.
    #[error("library `{library}`: {message}")]
    Library {
        /// The library's name.
        library: String,
        /// What is in the way.
        message: String,
    },
    /// A function of the module has a library function's name but not its type.
    #[error("`{0}` cannot be healed: it has another type than the library's")]
    OtherSignature(String),
}
