//! What can go wrong, named by cause.
//!
//! Whatever the error, the runtime is as it was before the call: blocks that were reserved are given back, nothing was
//! registered, no entry has moved.

/// Why an operation on machine code was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system forbids what running generated code needs.
    #[error("the system refuses executable memory: {step} failed with error number {errno}")]
    ExecMemoryDenied {
        /// The operation that was refused, such as `"map code"`.
        step: &'static str,
        /// The system's error number.
        errno: i32,
    },
    /// The system is out of memory or of address space.
    #[error("no memory for code: {step} failed with error number {errno}")]
    NoExecMemory {
        /// The operation that failed.
        step: &'static str,
        /// The system's error number.
        errno: i32,
    },
    /// The reserved range, or the limit given to the builder, is used up.
    #[error("the arena is full: {wanted} bytes wanted, {used} of {limit} in use")]
    ArenaFull {
        /// Bytes asked for.
        wanted: usize,
        /// Bytes backed by memory at that time.
        used: usize,
        /// The most that may be backed by memory.
        limit: usize,
    },
    /// The object names a symbol that neither the object, nor its tables, nor the resolver define.
    #[error("unresolved symbol `{0}`")]
    UnresolvedSymbol(String),
    /// The object has a relocation that this linker does not know.
    #[error("unsupported relocation {kind} (number {number}) against `{symbol}`")]
    UnsupportedRelocation {
        /// The psABI's name of the relocation, or `"unknown"`.
        kind: &'static str,
        /// Its number in the ELF file.
        number: u32,
        /// The symbol it refers to.
        symbol: String,
    },
    /// A relocation cannot reach its target, for example a direct data access to a symbol more than 2 GB away.
    #[error("relocation {kind} cannot reach `{symbol}`: compile position-independently")]
    OutOfRange {
        /// The psABI's name of the relocation.
        kind: &'static str,
        /// The symbol that is too far away.
        symbol: String,
    },
    /// The bytes are not a relocatable x86-64 ELF object, or one this linker does not take.
    #[error("bad object: {0}")]
    BadObject(String),
    /// An entry of this identity and signature exists with another strategy or default target.
    #[error(
        "entry of identity {identity}, signature {signature} exists with another strategy or default"
    )]
    EntryMismatch {
        /// The identity asked for.
        identity: u64,
        /// The signature asked for.
        signature: u32,
    },
    /// A code object and an entry of different identities, or of different runtimes, were brought together.
    #[error("code of identity {code} cannot be linked to the entry of identity {entry}")]
    WrongIdentity {
        /// The code's identity.
        code: u64,
        /// The entry's identity.
        entry: u64,
    },
    /// A file for an observer (such as perf's map) could not be opened.
    #[error("observer: cannot open {path}: error number {errno}")]
    Observer {
        /// The path that was tried.
        path: String,
        /// The system's error number.
        errno: i32,
    },
    /// This platform, processor or kernel lacks something.
    #[error("unsupported here: {0}")]
    Unsupported(&'static str),
}
