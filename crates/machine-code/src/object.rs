//! What is handed to [`Runtime::publish`](crate::Runtime::publish).

/// Who owns a piece of machine code: a version of an identity.
///
/// Both numbers are the embedder's. The runtime only compares and prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeId {
    /// The function, in the embedder's numbering.
    pub identity: u64,
    /// Which translation of it.
    pub version: u32,
}

impl std::fmt::Display for CodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "f{}v{}", self.identity, self.version)
    }
}

/// A relocatable object and everything needed to make it run.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    /// Who will own the bytes.
    pub id: CodeId,
    /// A name for people: profilers and reports show it.
    pub name: &'a str,
    /// A relocatable x86-64 ELF file, as an LLVM target machine or an assembler writes it.
    pub bytes: &'a [u8],
    /// The symbol at which the code is entered. It must be defined in an executable section.
    pub entry_symbol: &'a str,
    /// Zeroed tables to be allocated beside the unit's data, each the definition of an undefined symbol.
    pub tables: &'a [Table<'a>],
    /// The addresses of all other undefined symbols. Called before anything is allocated and without any lock held.
    pub resolve: &'a dyn Fn(&str) -> Option<usize>,
}

/// A table of 8-byte words that the code addresses PC-relatively and the embedder fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// The undefined symbol that it defines.
    pub symbol: &'a str,
    /// Its length in 8-byte words.
    pub words: usize,
}

/// Bytes of memory that a unit occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeSize {
    /// Bytes in the executable range: instructions, constants, address slots and padding.
    pub text: usize,
    /// Bytes in the writable range: variables and tables.
    pub data: usize,
}
