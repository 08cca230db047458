//! The location table of a code object (`co_linetable`; CPython's `InternalDocs/code_objects.md`): line numbers only.
//!
//! Entries follow each other in code order. The first byte is `1 cccc lll`: a kind and the number of code units less
//! one. Variable-length integers are runs of six bits, least significant first, bit 6 says that another follows; signed
//! ones keep their sign in the lowest bit.

use super::DecodeError;

/// The line of each code unit, as far as the table reaches; `None` where there is none.
pub(super) fn parse(
    table: &[u8],
    first_line: i32,
    n_units: usize,
) -> Result<Vec<Option<u32>>, DecodeError> {
    let mut lines = Vec::with_capacity(n_units);
    let mut bytes = table.iter().copied();
    let mut line = i64::from(first_line);
    while let Some(head) = bytes.next() {
        let malformed = DecodeError::LineTable {
            unit: lines.len() as u32,
        };
        let Some(here) = parse_entry(head, &mut bytes, &mut line) else {
            return Err(malformed);
        };
        for _ in 0..(head & 7) + 1 {
            // More lines than code: nobody asks for the rest.
            if lines.len() < n_units {
                lines.push(here);
            }
        }
    }
    Ok(lines)
}

/// One entry behind its first byte: `Some(line)`, moving `line` on; outer `None` when malformed.
#[expect(
    clippy::option_option,
    reason = "outer: well-formed; inner: there is a line"
)]
fn parse_entry(
    head: u8,
    bytes: &mut impl Iterator<Item = u8>,
    line: &mut i64,
) -> Option<Option<u32>> {
    if head & 0x80 == 0 {
        return None;
    }
    match head >> 3 & 15 {
        // Same line, columns in one byte.
        0..=9 => skip(bytes, 1)?,
        // Zero to two lines on, columns in two bytes.
        kind @ 10..=12 => {
            *line += i64::from(kind) - 10;
            skip(bytes, 2)?;
        }
        // No columns.
        13 => *line += signed_varint(bytes)?,
        // Line, end line, columns.
        14 => {
            *line += signed_varint(bytes)?;
            for _ in 0..3 {
                varint(bytes)?;
            }
        }
        _ => return Some(None),
    }
    Some(u32::try_from(*line).ok())
}

fn skip(bytes: &mut impl Iterator<Item = u8>, n: usize) -> Option<()> {
    for _ in 0..n {
        bytes.next()?;
    }
    Some(())
}

fn varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0u64;
    for shift in (0..).step_by(6) {
        if shift > 30 {
            return None;
        }
        let byte = bytes.next()?;
        value |= u64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            break;
        }
    }
    u32::try_from(value).ok()
}

fn signed_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = varint(bytes)?;
    let magnitude = i64::from(value >> 1);
    Some(if value & 1 != 0 {
        -magnitude
    } else {
        magnitude
    })
}
