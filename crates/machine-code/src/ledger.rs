//! The ledger: how many units and bytes are in which state, and who owns which address.

use std::fmt;

use crate::CodeId;

/// Units and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Tally {
    /// Number of units.
    pub units: u64,
    /// Bytes in the executable range.
    pub text_bytes: u64,
    /// Bytes in the writable range.
    pub data_bytes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, text: usize, data: usize) {
        self.units += 1;
        self.text_bytes += text as u64;
        self.data_bytes += data as u64;
    }

    pub(crate) fn sub(&mut self, text: usize, data: usize) {
        self.units -= 1;
        self.text_bytes -= text as u64;
        self.data_bytes -= data as u64;
    }
}

/// A snapshot of what the runtime holds. See [`Runtime::ledger`](crate::Runtime::ledger).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Ledger {
    /// Published and still owned by a [`Code`](crate::Code).
    pub live: Tally,
    /// No entry leads to them, but somebody may be inside.
    pub retired: Tally,
    /// Freed since the runtime was built. This tally only grows.
    pub freed: Tally,
    /// Entries in existence.
    pub entries: u64,
    /// Stubs in existence: one an entry, whatever its strategy.
    pub stubs: u64,
    /// Addresses handed to foreign code by [`Entry::pin`](crate::Entry::pin) and not dropped since.
    pub pins: u64,
    /// Relinks since the runtime was built, resets included.
    pub relinks: u64,
    /// Bytes of the executable range in use: units, stubs, and jumps to default targets.
    pub code_bytes: u64,
    /// Bytes of the executable range that are kept as traps for a while, after what stood there was freed.
    pub quarantined_bytes: u64,
    /// Bytes of the writable range in use: units' data and cells.
    pub data_bytes: u64,
    /// Bytes of both ranges that are backed by memory.
    pub committed_bytes: u64,
    /// The most that `committed_bytes` ever was.
    pub committed_peak: u64,
}

/// The owner of an address. See [`Runtime::find`](crate::Runtime::find).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The version whose bytes these are.
    pub id: CodeId,
    /// Distance in bytes from the start of the version's executable block.
    pub offset: usize,
    /// Whether the version is retired: no entry leads to it any more.
    pub retired: bool,
    /// The number that the object gave for these instructions ([`PcValue`](crate::PcValue)).
    pub value: Option<u64>,
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tallies = [
            ("live", &self.live),
            ("retired", &self.retired),
            ("freed", &self.freed),
        ];
        for (name, tally) in tallies {
            writeln!(
                f,
                "{name:<8} {:>8} units {:>10} text bytes {:>10} data bytes",
                tally.units, tally.text_bytes, tally.data_bytes
            )?;
        }
        writeln!(
            f,
            "entries  {:>8} stubs {} pins {} relinks {}",
            self.entries, self.stubs, self.pins, self.relinks
        )?;
        writeln!(
            f,
            "memory   {:>8} code bytes, {} quarantined, {} data bytes, {} committed (peak {})",
            self.code_bytes,
            self.quarantined_bytes,
            self.data_bytes,
            self.committed_bytes,
            self.committed_peak
        )
    }
}
