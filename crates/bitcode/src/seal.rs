//! What a build was made from, so that what is loaded later can be compared with it.

use crate::layout::Layout;

/// Origin of a library of bitcode.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seal {
    /// Major version of the LLVM that has to read it.
    pub llvm_major: u32,
    /// Version of the clang that made it.
    pub clang: String,
    /// Target triple.
    pub triple: String,
    /// Data layout.
    pub data_layout: String,
    /// The C files, in the order in which they were given.
    pub files: Vec<FileSeal>,
    /// FNV-1a of the bitcode.
    pub bitcode: u64,
    /// The structures that were asked for by `Build::layouts`, in that order.
    pub layouts: Vec<Layout>,
}

/// One C file of a [`Seal`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSeal {
    /// File name.
    pub name: String,
    /// FNV-1a of its text, headers not included.
    pub hash: u64,
}

impl FileSeal {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        FileSeal {
            name: name.to_owned(),
            hash: fnv1a(text.as_bytes()),
        }
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version, and fast enough.
/// Source: the hash by Fowler, Noll and Vo.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
