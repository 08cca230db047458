//! A decoded code object.

use super::exceptions::{self, ExceptionEntry};
use super::special::Cache;
use super::{Opcode, Special, lines, opcode};
use martlet_snapshot::CodeSnapshot;
use std::collections::BTreeSet;

/// Counter of an inline cache that was never advanced: `adaptive_counter_warmup()`, value 1 and backoff 1
/// (`Include/internal/pycore_code.h`).
const WARMUP_COUNTER: u16 = 1 << 4 | 1;
/// What the cache of a conditional jump holds before the first jump.
const WARMUP_HISTORY: u16 = 0x5555;
/// More prefixes cannot be needed for 32 bits; the compiler never makes them.
const MAX_PREFIXES: u32 = 3;

/// Why code could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The code has an odd number of bytes.
    #[error("code of {0} bytes is not a whole number of code units")]
    OddLength(usize),
    /// The copy with specialised opcodes is not as long as the code.
    #[error("adaptive code has {adaptive} bytes, code has {code}")]
    AdaptiveLength {
        /// Bytes of `co_code`.
        code: usize,
        /// Bytes of `co_code_adaptive`.
        adaptive: usize,
    },
    /// There is no code.
    #[error("no code")]
    Empty,
    /// Not an opcode of CPython 3.13.
    #[error("unknown opcode {raw} at {offset}")]
    UnknownOpcode {
        /// The byte.
        raw: u8,
        /// Code-unit offset.
        offset: u32,
    },
    /// An instruction's prefixes, opcode or inline cache reach beyond the end.
    #[error("instruction at {start} is cut off")]
    Truncated {
        /// Code-unit offset.
        start: u32,
    },
    /// More than three `EXTENDED_ARG`.
    #[error("instruction at {start} has more than three prefixes")]
    TooManyPrefixes {
        /// Code-unit offset.
        start: u32,
    },
    /// A jump that does not lead to the start of an instruction.
    #[error("jump at {offset} leads to {target}, where no instruction starts")]
    BadJump {
        /// Code-unit offset of the jump.
        offset: u32,
        /// Where it leads.
        target: i64,
    },
    /// An instruction names a local that there is not.
    #[error("instruction at {offset} names local {local}")]
    BadLocal {
        /// Code-unit offset.
        offset: u32,
        /// Its number.
        local: u32,
    },
    /// The last instruction runs off the end.
    #[error("control runs off the end")]
    RunsOff,
    /// The exception table is malformed.
    #[error("entry {entry} of the exception table is malformed")]
    ExceptionTable {
        /// Index of the entry.
        entry: usize,
    },
    /// An exception handler that is not the start of an instruction.
    #[error("entry {entry} of the exception table leads to {target}, where no instruction starts")]
    BadHandler {
        /// Index of the entry.
        entry: usize,
        /// Where it leads.
        target: u32,
    },
    /// The location table is malformed.
    #[error("location table is malformed at code unit {unit}")]
    LineTable {
        /// The first code unit without a location.
        unit: u32,
    },
}

/// One instruction, with its prefixes and its inline cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instr {
    /// The base opcode; never [`Opcode::ExtendedArg`].
    pub opcode: Opcode,
    /// Its argument, prefixes folded in.
    pub arg: u32,
    /// Code-unit offset of its first prefix, or of the opcode: where jumps lead.
    pub start: u32,
    /// Code-unit offset of the opcode: what exception tables and tracebacks mean.
    pub offset: u32,
    /// Code-unit offset behind its inline cache: the next instruction's start.
    pub end: u32,
    /// What the interpreter specialised it to.
    pub special: Option<Special>,
    /// Whether it probably never ran: it is specialisable, not specialised, its counter stands where it began, and no
    /// later instruction of its basic block ran either. (A counter can come back there by a lost specialisation whose
    /// successor failed, and sees no execution while a tracer is on; so never take this for a proof.)
    pub never_ran: bool,
    /// The last sixteen outcomes of a conditional jump, the newest in bit 0, 1: jumped. `None` before the first.
    pub history: Option<u16>,
    /// Line number.
    pub line: Option<u32>,
}

impl Instr {
    /// The locals, cells and free variables that it names.
    pub fn locals(&self) -> [Option<u32>; 2] {
        use Opcode::*;
        match self.opcode {
            LoadFast | LoadFastCheck | LoadFastAndClear | StoreFast | DeleteFast | MakeCell
            | LoadDeref | StoreDeref | DeleteDeref | LoadFromDictOrDeref => [Some(self.arg), None],
            LoadFastLoadFast | StoreFastLoadFast | StoreFastStoreFast => {
                [Some(self.arg >> 4), Some(self.arg & 15)]
            }
            _ => [None, None],
        }
    }

    /// Code-unit offset that it may jump to: a start. For [`Opcode::ForIter`] it is the `END_FOR` that the interpreter
    /// itself skips, with the `POP_TOP` behind it.
    pub fn jump_target(&self) -> Option<u32> {
        u32::try_from(self.raw_jump_target()?).ok()
    }

    /// Change of the stack's depth, as `dis.stack_effect`.
    pub fn stack_effect(&self) -> i32 {
        opcode::stack_effect(self.opcode, self.arg, false)
    }

    fn raw_jump_target(&self) -> Option<i64> {
        let end = i64::from(self.end);
        let arg = i64::from(self.arg);
        match self.opcode {
            Opcode::JumpBackward | Opcode::JumpBackwardNoInterrupt => Some(end - arg),
            Opcode::JumpForward | Opcode::ForIter | Opcode::Send => Some(end + arg),
            opcode if opcode.is_conditional_jump() => Some(end + arg),
            _ => None,
        }
    }
}

/// A decoded code object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Instructions in code order.
    pub insts: Vec<Instr>,
    /// Protected ranges, as the table has them: ascending, disjoint.
    pub exceptions: Vec<ExceptionEntry>,
    /// For each code unit: index of the instruction that starts there, or whose opcode stands there.
    index: Vec<Option<u32>>,
}

impl Code {
    /// Decodes a snapshot's code, feedback, exception table and location table.
    ///
    /// # Errors
    /// When the bytes are not code that CPython 3.13 could have made.
    pub fn decode(snapshot: &CodeSnapshot) -> Result<Self, DecodeError> {
        let CodeSnapshot { code, adaptive, .. } = snapshot;
        if code.len() % 2 != 0 {
            return Err(DecodeError::OddLength(code.len()));
        }
        if adaptive.len() != code.len() {
            return Err(DecodeError::AdaptiveLength {
                code: code.len(),
                adaptive: adaptive.len(),
            });
        }
        let mut insts = decode_insts(code, adaptive)?;
        let n_units = code.len() / 2;
        let lines = lines::parse(&snapshot.line_table, snapshot.first_line, n_units)?;
        let mut index = vec![None; n_units];
        for (i, inst) in insts.iter_mut().enumerate() {
            inst.line = lines.get(inst.offset as usize).copied().flatten();
            index[inst.start as usize] = Some(i as u32);
            index[inst.offset as usize] = Some(i as u32);
        }
        let exceptions = exceptions::parse(&snapshot.exception_table)?;
        let mut code = Self {
            insts,
            exceptions,
            index,
        };
        code.check_targets()?;
        code.spread_ran();
        Ok(code)
    }

    /// Index of the instruction that starts at this code-unit offset, or whose opcode stands there behind prefixes.
    pub fn index_at(&self, offset: u32) -> Option<usize> {
        let index = self.index.get(offset as usize).copied().flatten()?;
        Some(index as usize)
    }

    /// The instruction that starts at this code-unit offset, or whose opcode stands there behind prefixes.
    pub fn at(&self, offset: u32) -> Option<&Instr> {
        self.insts.get(self.index_at(offset)?)
    }

    /// The handler of an exception raised by the instruction whose opcode stands at `offset`.
    pub fn handler(&self, offset: u32) -> Option<&ExceptionEntry> {
        self.exceptions.iter().find(|entry| entry.covers(offset))
    }

    /// Starts of basic blocks, ascending: the first instruction, what is jumped to, what follows a jump or an end of
    /// flow, exception handlers. Behind a `FOR_ITER`'s `END_FOR` and `POP_TOP`, too: the interpreter goes on there.
    pub fn leaders(&self) -> Vec<u32> {
        let mut leaders = BTreeSet::from([0]);
        for (i, inst) in self.insts.iter().enumerate() {
            let target = inst.jump_target();
            leaders.extend(target);
            if (target.is_some() || inst.opcode.ends_flow()) && i + 1 < self.insts.len() {
                leaders.insert(inst.end);
            }
            if inst.opcode == Opcode::ForIter {
                leaders.extend(target.and_then(|target| self.behind_loop(target)));
            }
        }
        leaders.extend(self.exceptions.iter().map(|entry| entry.target));
        leaders.into_iter().collect()
    }

    /// Where the interpreter goes on when the `FOR_ITER` with this target is exhausted: behind `END_FOR` and `POP_TOP`,
    /// with the iterator popped. `None` if they are not there.
    pub fn behind_loop(&self, target: u32) -> Option<u32> {
        let index = self.index_at(target)?;
        let [end_for, pop_top, next] = self.insts.get(index..index + 3)? else {
            return None;
        };
        (end_for.opcode == Opcode::EndFor && pop_top.opcode == Opcode::PopTop).then_some(next.start)
    }

    /// Targets of `JUMP_BACKWARD`: headers of loops, ascending.
    pub fn loop_headers(&self) -> Vec<u32> {
        let headers: BTreeSet<u32> = self
            .insts
            .iter()
            .filter(|inst| inst.opcode == Opcode::JumpBackward)
            .filter_map(Instr::jump_target)
            .collect();
        headers.into_iter().collect()
    }

    fn starts_at(&self, offset: u32) -> bool {
        self.at(offset).is_some_and(|inst| inst.start == offset)
    }

    fn check_targets(&self) -> Result<(), DecodeError> {
        for inst in &self.insts {
            if let Some(target) = inst.raw_jump_target() {
                let starts = u32::try_from(target).is_ok_and(|target| self.starts_at(target));
                if !starts {
                    return Err(DecodeError::BadJump {
                        offset: inst.offset,
                        target,
                    });
                }
            }
        }
        for (entry, range) in self.exceptions.iter().enumerate() {
            let target = range.target;
            if !self.starts_at(target) {
                return Err(DecodeError::BadHandler { entry, target });
            }
        }
        match self.insts.last() {
            None => Err(DecodeError::Empty),
            Some(last) if !last.opcode.ends_flow() => Err(DecodeError::RunsOff),
            Some(_) => Ok(()),
        }
    }

    /// Checks that all locals, cells and free variables that instructions name are among so many.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_locals(&self, n_locals: u32) -> Result<(), DecodeError> {
        let named = |inst: &Instr| inst.locals().into_iter().flatten();
        let mut all = self
            .insts
            .iter()
            .flat_map(|inst| named(inst).map(|local| (inst.offset, local)));
        match all.find(|&(_, local)| local >= n_locals) {
            Some((offset, local)) => Err(DecodeError::BadLocal { offset, local }),
            None => Ok(()),
        }
    }

    /// Who stands in a basic block before something that ran, ran too.
    fn spread_ran(&mut self) {
        let leaders = self.leaders();
        let mut ran = false;
        for inst in self.insts.iter_mut().rev() {
            // Globals are looked up when the snapshot is taken, whether they were ever loaded or not.
            let knows = inst.opcode.is_specialisable()
                && !inst.never_ran
                && inst.opcode != Opcode::LoadGlobal;
            ran |= knows || inst.history.is_some();
            inst.never_ran &= !ran;
            if leaders.binary_search(&inst.start).is_ok() {
                ran = false;
            }
        }
    }
}

fn decode_insts(code: &[u8], adaptive: &[u8]) -> Result<Vec<Instr>, DecodeError> {
    let n_units = (code.len() / 2) as u32;
    let mut insts = Vec::new();
    let mut start = 0;
    while start < n_units {
        let inst = decode_inst(code, adaptive, start, n_units)?;
        start = inst.end;
        insts.push(inst);
    }
    Ok(insts)
}

fn decode_inst(
    code: &[u8],
    adaptive: &[u8],
    start: u32,
    n_units: u32,
) -> Result<Instr, DecodeError> {
    let mut offset = start;
    let mut arg = 0;
    let opcode = loop {
        if offset >= n_units {
            return Err(DecodeError::Truncated { start });
        }
        if offset - start > MAX_PREFIXES {
            return Err(DecodeError::TooManyPrefixes { start });
        }
        let (raw, low) = (code[2 * offset as usize], code[2 * offset as usize + 1]);
        arg = arg << 8 | u32::from(low);
        match Opcode::from_raw(raw) {
            Some(Opcode::ExtendedArg) => offset += 1,
            Some(opcode) => break opcode,
            None => return Err(DecodeError::UnknownOpcode { raw, offset }),
        }
    };
    let end = offset + 1 + opcode.caches();
    if end > n_units {
        return Err(DecodeError::Truncated { start });
    }
    let raw = adaptive[2 * offset as usize];
    let cache = Cache(&adaptive[2 * offset as usize + 2..2 * end as usize]);
    let special = match Opcode::from_raw(raw) {
        Some(base) if base == opcode => Special::decode(raw, cache),
        _ => None,
    };
    let counter = cache.u16(0);
    // An instrumented instruction does not advance its counter.
    let is_plain = raw == opcode as u8;
    Ok(Instr {
        opcode,
        arg,
        start,
        offset,
        end,
        special,
        never_ran: opcode.is_specialisable() && is_plain && counter == WARMUP_COUNTER,
        history: (opcode.is_conditional_jump() && counter != WARMUP_HISTORY).then_some(counter),
        line: None,
    })
}
