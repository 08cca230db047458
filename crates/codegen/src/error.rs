//! What can go wrong, by cause.

/// Why no machine code came out.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This LLVM has no such target, or no code generator for it.
    #[error("no code generator for `{triple}`: {message}")]
    Target {
        /// The target triple.
        triple: String,
        /// LLVM's words.
        message: String,
    },
    /// The module is of another target than the emitter.
    #[error("the module is for data layout `{module}`, the emitter for `{emitter}`")]
    Layout {
        /// The module's data layout.
        module: String,
        /// The emitter's.
        emitter: String,
    },
    /// Code generation failed.
    #[error("code generation failed: {0}")]
    Emit(String),
    /// A pipeline failed, or LLVM reported an error while one ran or while code was generated.
    #[error(transparent)]
    Ir(#[from] martlet_ir::Error),
}
