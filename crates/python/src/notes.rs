//! What machine code has noted of its operands, by code object: see `notes.c` of the helpers.

use std::collections::BTreeMap;

use martlet_snapshot::Seen;

use crate::raw::objects::seen_of;
use crate::raw::{Addr, Gil};
use crate::state::{State, with};

/// Another class was seen before (`MARTLET_MIXED`).
const MIXED: u64 = 1 << 16;

/// Where a note has the address of a function's code, and how many parameters have defaults (`function_word`).
const CODE_AT: u32 = 17;
const DEFAULTS_AT: u32 = 60;
/// The highest address of a process.
const MAX_ADDRESS: usize = (1 << 47) - 1;

/// What was seen of the operands of a code object's instructions.
#[derive(Default)]
pub(crate) struct Notes {
    /// By offset and operand.
    operands: BTreeMap<(u32, u32), Note>,
}

/// What was seen of one operand.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Note {
    seen: Seen,
    /// The version of its class, if that is one of Python's; of a class, its own.
    type_version: u32,
    /// Of a Python function: the address of its code, and how many parameters have defaults.
    function: Option<(Addr, u32)>,
}

/// Of several classes, numbers apart.
const OF_SEVERAL: Note = Note {
    seen: Seen::Other,
    type_version: 0,
    function: None,
};

impl Note {
    fn of(word: u64) -> Self {
        let seen = seen_of(word as u32 & 0xffff);
        match seen {
            _ if word & MIXED != 0 => OF_SEVERAL,
            Seen::Function | Seen::Method => Note {
                seen,
                type_version: 0,
                function: Some((
                    Addr((word >> CODE_AT << 4) as usize & MAX_ADDRESS),
                    (word >> DEFAULTS_AT) as u32,
                )),
            },
            _ => Note {
                seen,
                type_version: (word >> 32) as u32,
                function: None,
            },
        }
    }
}

impl Notes {
    fn note(&mut self, place: (u32, u32), word: u64) {
        if word != 0 {
            self.add(place, Note::of(word));
        }
    }

    /// Notes a Python function, by its code and how many parameters have defaults.
    pub(crate) fn note_function(
        &mut self,
        place: (u32, u32),
        code: Addr,
        n_defaults: u32,
        is_bound: bool,
    ) {
        let new = Note {
            seen: match is_bound {
                true => Seen::Method,
                false => Seen::Function,
            },
            type_version: 0,
            function: Some((code, n_defaults)),
        };
        self.add(place, new);
    }

    fn add(&mut self, place: (u32, u32), new: Note) {
        let known = self.operands.entry(place).or_insert(new);
        let is_number = |it: Seen| matches!(it, Seen::Int | Seen::Float | Seen::Number);
        if *known != new && is_number(known.seen) && is_number(new.seen) {
            known.seen = Seen::Number;
        } else if *known != new {
            *known = OF_SEVERAL;
        }
    }

    /// The operands of each instruction, from the top of the stack down.
    pub(crate) fn by_instruction(&self) -> Vec<(u32, Vec<Seen>)> {
        let mut all: Vec<(u32, Vec<Seen>)> = Vec::new();
        for ((offset, operand), note) in &self.operands {
            if all.last().is_none_or(|it| it.0 != *offset) {
                all.push((*offset, Vec::new()));
            }
            if let Some((_, operands)) = all.last_mut() {
                operands.resize(*operand as usize, Seen::Nothing);
                operands.push(note.seen);
            }
        }
        all
    }

    /// The only class that an operand was of.
    pub(crate) fn seen(&self, offset: u32, operand: u32) -> Option<Seen> {
        let note = self.operands.get(&(offset, operand))?;
        (*note != OF_SEVERAL).then_some(note.seen)
    }

    /// The version of the only class of Python's that an operand was of.
    pub(crate) fn class_of(&self, offset: u32, operand: u32) -> Option<u32> {
        let note = self.operands.get(&(offset, operand))?;
        let is_of_python = note.type_version != 0 && note.seen != Seen::Class;
        is_of_python.then_some(note.type_version)
    }

    /// The code of the only Python function that an operand was, how many parameters have defaults, and whether it was bound
    /// to an object. The address may be that of a code object that died.
    pub(crate) fn function(&self, offset: u32, operand: u32) -> Option<(Addr, u32, bool)> {
        let note = self.operands.get(&(offset, operand))?;
        let (code, n_defaults) = note.function?;
        Some((code, n_defaults, note.seen == Seen::Method))
    }

    /// The version of the only class of Python's that an operand was itself.
    pub(crate) fn class_itself(&self, offset: u32, operand: u32) -> Option<u32> {
        let note = self.operands.get(&(offset, operand))?;
        let is_it = note.type_version != 0 && note.seen == Seen::Class;
        is_it.then_some(note.type_version)
    }
}

/// An exit in front of an operator or comparison, of which this operand is no number, or not of the expected kind.
pub(crate) fn operand_seen(gil: Gil<'_>, code: Addr, offset: u32, operand: u32, word: u64) {
    with(gil, |state| {
        if let Some(entry) = state.codes.get_mut(&code) {
            entry.notes.note((offset, operand), word);
        }
    });
}

/// Gathers what all versions have noted.
pub(crate) fn gather(state: &mut State) {
    for version in state.tables.versions() {
        let meta = version.meta();
        for ((code, offset, operand), word) in meta.noted.iter().zip(meta.header.notes()) {
            if let Some(entry) = state.codes.get_mut(code) {
                entry.notes.note((*offset, *operand), word);
            }
        }
    }
}
