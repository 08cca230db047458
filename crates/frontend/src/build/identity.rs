//! Which variables keep the objects of the floats in them.
//!
//! Machine code holds a float raw, without its object, and makes another one where one is needed. The program could
//! tell: containers look for identity first, which decides for NaN. So a variable keeps the object (its slot in the
//! frame holds it, or NULL where none was made yet) if a float in it may be *seen*, that is used as an object, and
//! either came from elsewhere as an object, or may be seen twice. The rest, above all what is only computed with or
//! stored once, stays raw and free.

use crate::bytecode::{Code, Instr, Opcode};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where a stack item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Local(u32),
    /// Computed just now, or a literal.
    Fresh,
    Elsewhere,
}

/// Stands for all places that return: at most one of them is reached.
const RETURN: u32 = u32::MAX;

struct Walk<'a> {
    stack: Vec<Origin>,
    /// The stacks with which jumps go forward.
    coming: HashMap<u32, Vec<Origin>>,
    /// Of each variable: whether something that is not computed here is stored to it.
    foreign: Vec<bool>,
    /// Of each variable: where its value is used as an object.
    seen: Vec<BTreeSet<u32>>,
    /// From, to, where.
    copies: Vec<(u32, u32, u32)>,
    joins: &'a HashSet<u32>,
}

/// Which of the locals keep objects. `n_arguments` of them are bound at the start; `refreshed` says whether a local is
/// stored to in the innermost loop around an offset, if there is one.
pub(super) fn kept(
    code: &Code,
    joins: &HashSet<u32>,
    (n_locals, n_arguments): (usize, usize),
    refreshed: &dyn Fn(u32, u32) -> bool,
) -> Vec<bool> {
    let mut walk = Walk {
        stack: Vec::new(),
        coming: HashMap::new(),
        foreign: (0..n_locals).map(|local| local < n_arguments).collect(),
        seen: vec![BTreeSet::new(); n_locals],
        copies: Vec::new(),
        joins,
    };
    let mut flows = true;
    for instr in &code.insts {
        walk.arrive(instr, flows);
        walk.instruction(instr);
        if let Some(target) = instr.jump_target() {
            walk.coming.insert(target, walk.stack.clone());
        }
        flows = !instr.opcode.ends_flow();
    }
    walk.spread();
    let keeps = |local: usize| {
        let seen = &walk.seen[local];
        let once = seen.len() == 1 && seen.iter().all(|at| refreshed(local as u32, *at));
        !seen.is_empty() && (walk.foreign[local] || !once)
    };
    (0..n_locals).map(keeps).collect()
}

impl Walk<'_> {
    /// In front of an instruction. What stands on the stack where ways meet is as good as seen.
    fn arrive(&mut self, instr: &Instr, flows: bool) {
        let coming = self.coming.remove(&instr.start);
        if self.joins.contains(&instr.start) {
            if !flows {
                self.stack.clear();
            }
            for origin in coming.into_iter().flatten() {
                self.see(origin, instr.start);
            }
            for index in 0..self.stack.len() {
                self.see(self.stack[index], instr.start);
                self.stack[index] = Origin::Elsewhere;
            }
        } else if !flows {
            self.stack = coming.unwrap_or_default();
        }
    }

    fn instruction(&mut self, instr: &Instr) {
        let arg = instr.arg;
        match instr.opcode {
            Opcode::LoadFast | Opcode::LoadFastCheck => self.stack.push(Origin::Local(arg)),
            Opcode::LoadFastLoadFast => {
                (self.stack).extend([Origin::Local(arg >> 4), Origin::Local(arg & 15)])
            }
            Opcode::LoadConst => self.stack.push(Origin::Fresh),
            Opcode::StoreFast => self.store(arg, instr.start),
            Opcode::StoreFastLoadFast => {
                self.store(arg >> 4, instr.start);
                self.stack.push(Origin::Local(arg & 15));
            }
            Opcode::StoreFastStoreFast => {
                self.store(arg >> 4, instr.start);
                self.store(arg & 15, instr.start);
            }
            Opcode::Copy => {
                let index = self.stack.len().checked_sub(arg as usize);
                let copied = index.and_then(|index| self.stack.get(index));
                self.stack
                    .push(copied.copied().unwrap_or(Origin::Elsewhere));
            }
            Opcode::Swap => {
                let depth = self.stack.len();
                if let Some(other) = depth.checked_sub(arg as usize)
                    && other < depth
                {
                    self.stack.swap(other, depth - 1);
                }
            }
            opcode => {
                let at = if opcode == Opcode::ReturnValue {
                    RETURN
                } else {
                    instr.start
                };
                for _ in 0..opcode.popped(arg) {
                    let origin = self.pop();
                    if !only_reads_value(opcode) {
                        self.see(origin, at);
                    }
                }
                let result = if computes(opcode) {
                    Origin::Fresh
                } else {
                    Origin::Elsewhere
                };
                let depth = self.stack.len() + opcode.pushed(arg);
                self.stack.resize(depth, result);
            }
        }
    }

    fn pop(&mut self) -> Origin {
        self.stack.pop().unwrap_or(Origin::Elsewhere)
    }

    fn see(&mut self, origin: Origin, at: u32) {
        if let Origin::Local(local) = origin
            && let Some(seen) = self.seen.get_mut(local as usize)
        {
            seen.insert(at);
        }
    }

    fn store(&mut self, local: u32, at: u32) {
        let origin = self.pop();
        if let Origin::Local(from) = origin {
            self.copies.push((from, local, at));
        }
        if origin != Origin::Fresh
            && origin != Origin::Local(local)
            && let Some(foreign) = self.foreign.get_mut(local as usize)
        {
            *foreign = true;
        }
    }

    /// What is copied to a variable that is seen is seen.
    fn spread(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for &(from, to, at) in &self.copies {
                let is_seen = self.seen.get(to as usize).is_some_and(|at| !at.is_empty());
                if let Some(seen) = self.seen.get_mut(from as usize).filter(|_| is_seen) {
                    changed |= seen.insert(at);
                }
            }
        }
    }
}

/// Whether a bytecode makes a new number of numbers.
fn computes(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::BinaryOp | Opcode::UnaryNegative | Opcode::UnaryInvert
    )
}

/// Whether it makes no difference to a bytecode which of equal floats it is given. (An `is` compares with a literal
/// where variables are raw at all.)
fn only_reads_value(opcode: Opcode) -> bool {
    computes(opcode)
        || matches!(
            opcode,
            Opcode::CompareOp
                | Opcode::IsOp
                | Opcode::ToBool
                | Opcode::UnaryNot
                | Opcode::PopTop
                | Opcode::PopJumpIfFalse
                | Opcode::PopJumpIfTrue
                | Opcode::PopJumpIfNone
                | Opcode::PopJumpIfNotNone
                | Opcode::FormatSimple
                | Opcode::FormatWithSpec
                | Opcode::ConvertValue
        )
}
