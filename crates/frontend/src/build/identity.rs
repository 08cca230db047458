//! Which variables keep the objects of the floats in them.
//!
//! Machine code holds a float raw, without its object, and makes another one where one is needed. The program could
//! tell: containers look for identity first, which decides for NaN. So a variable keeps the object (its slot in the
//! frame holds it, or NULL where none was made yet) if a float in it may be *seen*, that is used as an object, and
//! either came from elsewhere as an object, or is held elsewhere too, or may be seen twice. The rest, above all what is
//! only computed with or stored once, stays raw and free.

use super::info::assigned_by;
use crate::bytecode::{Code, Instr, Opcode};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where a stack item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Local(u32),
    /// Computed just now, or a literal, and nowhere else.
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

/// Which of the locals keep objects. `n_arguments` of them are bound at the start; `ways` says where it may go on behind
/// an instruction.
pub(super) fn kept(
    code: &Code,
    joins: &HashSet<u32>,
    (n_locals, n_arguments): (usize, usize),
    ways: &dyn Fn(&Instr) -> [Option<u32>; 3],
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
        let once = seen.len() == 1 && !seen.iter().any(|at| comes_back(code, local, *at, ways));
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
                let copied = index.and_then(|index| self.stack.get_mut(index));
                // Two places will hold one object: neither has it for itself.
                if let Some(origin @ Origin::Fresh) = copied {
                    *origin = Origin::Elsewhere;
                }
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

/// Whether some way leads from an instruction back to it, past all stores to a local: what it sees, it may see again.
fn comes_back(
    code: &Code,
    local: usize,
    at: u32,
    ways: &dyn Fn(&Instr) -> [Option<u32>; 3],
) -> bool {
    let stores = |instr: &Instr| assigned_by(instr).contains(&Some(local as u32));
    let mut reached = HashSet::new();
    let mut work = vec![at];
    while let Some(offset) = work.pop() {
        let instr = code.at(offset).filter(|instr| !stores(instr));
        for to in instr.into_iter().flat_map(ways).flatten() {
            if to == at {
                return true;
            }
            if reached.insert(to) {
                work.push(to);
            }
        }
    }
    false
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
