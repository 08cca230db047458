//! The table of a unit's exits, and its encoding for the C routine that reads it.
//!
//! Machine code leaves by `martlet_exit(ts, frame, unit, index, home, values...)`. The record with that index says how many
//! frames there are (the root frame is real and linked; inlined ones must be made), where the interpreter goes on in
//! each, and what each local and stack item is. A record is plain data here and a run of 32-bit words there.
//!
//! # Encoding
//! [`encode_exits`] gives one array: `[n, offset of record 0, .., offset of record n-1, records...]`, offsets in words
//! from the start. A record:
//!
//! ```text
//! flags              bit 0: an exception is set; bit 1: it was raised here before, its traceback has the frame
//! n_homes            number of values at home, then each: its word in the array `home`
//! n_values           number of values passed, then ceil(n/32) words, bit set: the value is a double
//! n_virtuals         then each: kind, n_items, items (descriptors)
//! n_frames           root first, then each: code slot, function (descriptor), offset, return_to (bit 31: the callee is
//!                    an __init__; bit 30: its result is
//!                    dropped; bit 29: it is that of an operator), n_locals, locals (descriptors), n_stack, stack (descriptors)
//! n_drops            then descriptors of owned values that the frames do not name and that must be released
//! ```
//! A descriptor is `kind << 24 | payload`, see [`Desc`].

use serde::{Deserialize, Serialize};

/// Where a local, a stack item or a field of a virtual object comes from. Values are numbered: those at home, then
/// those passed, in order. A value that is boxed is boxed once, however often it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Desc {
    /// (0) The frame's memory holds it already: leave it. Locals of the root frame only.
    Memory,
    /// (1) NULL.
    Null,
    /// (2) Value k is a reference that is handed over.
    Owned(u32),
    /// (3) Value k is a reference that is only lent: take a new one.
    Borrowed(u32),
    /// (4) Value k is a 64-bit integer: box it.
    Int(u32),
    /// (5) Value k is a double: box it.
    Float(u32),
    /// (6) Value k is 0 or 1: `False` or `True`.
    Bool(u32),
    /// (7) The object in slot k of the slot table: take a new reference.
    Slot(u32),
    /// (8) Virtual object k of this record: make it (once).
    Virtual(u32),
    /// (9) The small integer constant k (zero-extended 24 bits).
    SmallInt(u32),
    /// (10) Value k is a raw 64-bit integer that stays raw. Fields of virtual objects only (indices, lengths).
    Raw(u32),
    /// (11) Value k is a double, and the local's memory holds its object, or NULL: box it then. Locals of the root frame
    /// only.
    Kept(u32),
}

/// Kind of an object that was never made, and is made by an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum VirtualKind {
    /// (0) `tuple` of the items.
    Tuple,
    /// (1) `range_iterator`: raw start, raw length, raw step.
    RangeIter,
    /// (2) `list_iterator`: list, raw index.
    ListIter,
    /// (3) `tuple_iterator`: tuple, raw index.
    TupleIter,
    /// (4) `enumerate`: raw next index, inner iterator.
    Enumerate,
    /// (5) `range`: start, stop, step (objects).
    Range,
    /// (6) `method`: function, the object it is bound to.
    Method,
    /// (7) A function with the root's globals: code, closure or NULL.
    Function,
}

/// An object that was never made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualDesc {
    /// What it is.
    pub kind: VirtualKind,
    /// Its fields; a virtual named here has a lower index than this one.
    pub items: Vec<Desc>,
}

/// What a caller does with the result of a callee that was inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Returned {
    /// It is pushed.
    #[default]
    Pushed,
    /// The callee is an `__init__`: it must be None and is dropped. The object that it initialises is on the stack
    /// already.
    Initialised,
    /// It is dropped, whatever it is: `__setitem__` was called for an assignment, whose three operands are on the caller's
    /// stack still and go, too.
    Dropped,
    /// It is that of an operator, whose two operands are on the caller's stack still: it takes their place. Where it is
    /// `NotImplemented`, what is left of the operator's protocol is done.
    Operated,
}

/// One frame of an exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitFrame {
    /// Slot that holds its code object; 0 for the root (its frame knows).
    pub code_slot: u32,
    /// Its function object; [`Desc::Memory`] for the root.
    pub function: Desc,
    /// Code-unit offset: where the interpreter goes on in the innermost frame (with an exception: the faulting
    /// instruction's opcode); in an outer frame the offset of the call's opcode, behind whose inline cache it goes on
    /// with the result pushed.
    pub offset: u32,
    /// In an outer frame: where it goes on after the call. In the innermost: 0.
    pub return_to: u32,
    /// In an outer frame: what it does with the callee's result.
    pub returned: Returned,
    /// Locals; empty for a root whose locals are all in memory.
    pub locals: Vec<Desc>,
    /// Value stack, bottom first; in an outer frame without what the call consumed.
    pub stack: Vec<Desc>,
}

/// One exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Why it is taken: `type`, `overflow`, `unbound`, `raised`, `invalid`, `never_ran`, ...: the field of the statistics.
    pub reason: String,
    /// Whether an exception is set.
    pub raised: bool,
    /// Whether it was raised here before, so that its traceback has the frame.
    pub again: bool,
    /// Raw values that are not passed: the word of `home` in which each stands.
    pub homes: Vec<u32>,
    /// For each value passed, whether it is a double.
    pub doubles: Vec<bool>,
    /// Objects to make.
    pub virtuals: Vec<VirtualDesc>,
    /// Frames, the root first.
    pub frames: Vec<ExitFrame>,
    /// Owned values that nothing names any more.
    pub drops: Vec<Desc>,
}

impl Desc {
    fn word(self) -> u32 {
        let (kind, payload) = match self {
            Self::Memory => (0, 0),
            Self::Null => (1, 0),
            Self::Owned(k) => (2, k),
            Self::Borrowed(k) => (3, k),
            Self::Int(k) => (4, k),
            Self::Float(k) => (5, k),
            Self::Bool(k) => (6, k),
            Self::Slot(k) => (7, k),
            Self::Virtual(k) => (8, k),
            Self::SmallInt(k) => (9, k),
            Self::Raw(k) => (10, k),
            Self::Kept(k) => (11, k),
        };
        assert!(
            payload < 1 << 24,
            "descriptor payload {payload} needs more than 24 bits"
        );
        kind << 24 | payload
    }
}

/// Encodes a unit's exits as the C routine reads them; see the module's documentation.
pub fn encode_exits(exits: &[ExitRecord]) -> Vec<u32> {
    let mut words = vec![0; exits.len() + 1];
    words[0] = word(exits.len());
    for (index, exit) in exits.iter().enumerate() {
        words[index + 1] = word(words.len());
        encode_record(exit, &mut words);
    }
    words
}

fn encode_record(exit: &ExitRecord, words: &mut Vec<u32>) {
    words.push(u32::from(exit.raised) | u32::from(exit.again) << 1);
    words.push(word(exit.homes.len()));
    words.extend(&exit.homes);
    words.push(word(exit.doubles.len()));
    for chunk in exit.doubles.chunks(32) {
        words.push(
            chunk
                .iter()
                .rev()
                .fold(0, |bits, double| bits << 1 | u32::from(*double)),
        );
    }
    words.push(word(exit.virtuals.len()));
    for object in &exit.virtuals {
        words.push(object.kind as u32);
        push_all(&object.items, words);
    }
    words.push(word(exit.frames.len()));
    for frame in &exit.frames {
        words.extend([
            frame.code_slot,
            frame.function.word(),
            frame.offset,
            frame.return_to | flags_of(frame.returned),
        ]);
        push_all(&frame.locals, words);
        push_all(&frame.stack, words);
    }
    push_all(&exit.drops, words);
}

/// What stands in the word of `return_to` for [`ExitFrame::returned`].
fn flags_of(returned: Returned) -> u32 {
    match returned {
        Returned::Pushed => 0,
        Returned::Initialised => 1 << 31,
        Returned::Dropped => 1 << 30,
        Returned::Operated => 1 << 29,
    }
}

fn push_all(descs: &[Desc], words: &mut Vec<u32>) {
    words.push(word(descs.len()));
    words.extend(descs.iter().map(|desc| desc.word()));
}

fn word(n: usize) -> u32 {
    u32::try_from(n).expect("exit tables are far smaller than 2^32 words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_encoded_as_documented() {
        let record = ExitRecord {
            reason: "type".into(),
            raised: true,
            again: true,
            homes: vec![6],
            doubles: vec![false, true],
            virtuals: vec![VirtualDesc {
                kind: VirtualKind::ListIter,
                items: vec![Desc::Owned(1), Desc::SmallInt(3)],
            }],
            frames: vec![ExitFrame {
                code_slot: 0,
                function: Desc::Memory,
                offset: 9,
                return_to: 0,
                returned: Returned::Pushed,
                locals: vec![Desc::Float(2)],
                stack: vec![Desc::Virtual(0)],
            }],
            drops: vec![],
        };
        let words = encode_exits(&[record]);
        let expected = [
            1,
            2, // one record, at word 2
            3, // raised, again
            1,
            6, // one value at home
            2,
            0b10, // two values passed, the second a double
            1,
            2,
            2,
            2 << 24 | 1,
            9 << 24 | 3, // one virtual: list_iterator of two items
            1,
            0,
            0,
            9,
            0, // one frame
            1,
            5 << 24 | 2,
            1,
            8 << 24, // its locals and stack
            0,       // no drops
        ];
        assert_eq!(words, expected);
    }
}
