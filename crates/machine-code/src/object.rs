//! What is handed to [`Runtime::publish`](crate::Runtime::publish).

/// Who owns a piece of machine code: a version of an identity.
///
/// Both numbers are the embedder's. The runtime only compares and prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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

/// Machine code that can be placed anywhere, and everything needed to make it run.
///
/// Make one by [`Object::new`] and set what else applies:
///
/// ```
/// # use martlet_machine_code::{CodeId, Object, Source};
/// # let elf: &[u8] = &[];
/// let object = Object {
///     name: "parse",
///     resolve: &|symbol| (symbol == "abort").then_some(std::process::abort as *const () as usize),
///     ..Object::new(CodeId { identity: 7, version: 1 }, Source::Elf(elf), "parse")
/// };
/// ```
#[derive(Clone, Copy)]
pub struct Object<'a> {
    /// Who will own the bytes.
    pub id: CodeId,
    /// A name for people: profilers and reports show it.
    pub name: &'a str,
    /// The code.
    pub source: Source<'a>,
    /// The symbol at which the code is entered. It must be defined in an executable section.
    pub entry_symbol: &'a str,
    /// Further identities whose code this is. They call each other directly, so that whoever entered one of them never
    /// reaches an older version of another, and they are retired and freed together.
    pub members: &'a [Member<'a>],
    /// Zeroed tables to be allocated beside the unit's data, each the definition of an undefined symbol.
    pub tables: &'a [Table<'a>],
    /// What [`Runtime::find`](crate::Runtime::find) answers for which instructions, by rising offset.
    pub pc_values: &'a [PcValue],
    /// The addresses of all other undefined symbols. Called before anything is allocated and without any lock held.
    pub resolve: &'a dyn Fn(&str) -> Option<usize>,
}

impl<'a> Object<'a> {
    /// Code of one identity, without tables, that names nothing outside of itself.
    pub fn new(id: CodeId, source: Source<'a>, entry_symbol: &'a str) -> Self {
        Self {
            id,
            name: entry_symbol,
            source,
            entry_symbol,
            members: &[],
            tables: &[],
            pc_values: &[],
            resolve: &|_| None,
        }
    }
}

/// Where the bytes of an [`Object`] come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A relocatable ELF file for this processor, as an LLVM target machine or an assembler writes it.
    Elf(&'a [u8]),
    /// Instructions, and constants if need be, from an assembler of the embedder's.
    Bytes(Bytes<'a>),
}

/// Machine code as plain bytes, with the places that are to be filled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bytes<'a> {
    /// The code. It becomes one piece of executable memory, which is never written again.
    pub code: &'a [u8],
    /// What its address is a multiple of: a power of two, at most 4096. At least 16 is granted.
    pub align: usize,
    /// Names of places in the code. The entry symbol is at the start unless it is among them.
    pub symbols: &'a [Symbol<'a>],
    /// Places to be filled in.
    pub fixups: &'a [Fixup<'a>],
}

/// A named place in [`Bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// The name.
    pub name: &'a str,
    /// Its distance in bytes from the start of the code.
    pub offset: usize,
}

/// A place in [`Bytes`] that depends on where the code, or a symbol, comes to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixup<'a> {
    /// The first byte that is written.
    pub offset: usize,
    /// What is written.
    pub kind: FixupKind,
    /// The symbol: one of the code's own, a table's, or one that the resolver knows.
    pub symbol: &'a str,
    /// A number of bytes added to the symbol's address. Displacements of x86-64 count from the end of the instruction:
    /// that takes -4 where the displacement comes last.
    pub addend: i64,
}

/// What a [`Fixup`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FixupKind {
    /// 8 bytes: the address.
    Absolute64,
    /// 4 bytes: the distance from the place to the address, which must be within 2 GB.
    Relative32,
    /// 8 bytes: the distance from the place to the address.
    Relative64,
    /// The displacement of a direct call or jump (4 bytes on x86-64, the instruction on AArch64). A function that is
    /// too far away is reached by a jump of the unit.
    Call,
    /// 4 bytes: the distance from the place to a word of the unit that holds the symbol's address. For calls and loads
    /// through memory on x86-64.
    Slot,
}

/// A further identity of an [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Whose code it is. No two members are of one identity.
    pub id: CodeId,
    /// The symbol at which it is entered.
    pub entry_symbol: &'a str,
}

/// A number of the embedder's that stands for the instructions from an offset on, up to the next such offset: a source
/// position, say, or the state to be left with when a call from there returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcValue {
    /// Distance in bytes from the start of the version's executable block. The executable sections of an ELF file lie
    /// there in the order of the file, each at its alignment: so for one with a single such section it is the section's
    /// own offset.
    pub offset: u32,
    /// The number.
    pub value: u64,
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CodeSize {
    /// Bytes in the executable range: instructions, constants, address slots and padding.
    pub text: usize,
    /// Bytes in the writable range: variables and tables.
    pub data: usize,
}
