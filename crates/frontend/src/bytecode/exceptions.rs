//! The exception table of a code object (`co_exceptiontable`; CPython's `InternalDocs/exception_handling.md`).
//!
//! Four variable-length integers an entry: start, length, target, depth << 1 | lasti. An integer is a run of bytes of
//! six bits each, most significant first; bit 6 says that another follows, bit 7 marks the start of an entry.

use super::DecodeError;

/// One protected range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceptionEntry {
    /// First protected code unit.
    pub start: u32,
    /// The code unit behind the last protected one.
    pub end: u32,
    /// Code-unit offset of the handler.
    pub target: u32,
    /// Depth of the stack that the handler keeps.
    pub depth: u32,
    /// Whether the offset of the faulting instruction is pushed before the exception.
    pub lasti: bool,
}

impl ExceptionEntry {
    /// Whether the instruction at `offset` is protected.
    pub fn covers(&self, offset: u32) -> bool {
        self.start <= offset && offset < self.end
    }
}

/// Parses a whole table.
pub(super) fn parse(table: &[u8]) -> Result<Vec<ExceptionEntry>, DecodeError> {
    let mut bytes = table.iter().copied();
    let mut entries = Vec::new();
    while bytes.len() > 0 {
        let entry = parse_entry(&mut bytes).ok_or(DecodeError::ExceptionTable {
            entry: entries.len(),
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

fn parse_entry(bytes: &mut impl Iterator<Item = u8>) -> Option<ExceptionEntry> {
    let start = varint(bytes)?;
    let length = varint(bytes)?;
    let target = varint(bytes)?;
    let depth_lasti = varint(bytes)?;
    Some(ExceptionEntry {
        start,
        end: start.checked_add(length)?,
        target,
        depth: depth_lasti >> 1,
        lasti: depth_lasti & 1 != 0,
    })
}

fn varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0u32;
    loop {
        let byte = bytes.next()?;
        if value > u32::MAX >> 6 {
            return None;
        }
        value = value << 6 | u32::from(byte & 63);
        if byte & 64 == 0 {
            return Some(value);
        }
    }
}
