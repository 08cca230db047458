//! Feedback of our own: code that was compiled quickly notes the classes of operands where it does something in the
//! general way, and what it has noted is expected by the versions that come after it. The interpreter tells nothing of
//! `%`, of an int and a float, of arrays, of the items of a class of Python's, of what its own caches failed at.

use super::Builder;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Opcode};
use crate::hir::{Kind, Op, Rep, Value};
use martlet_snapshot::{Effort, Noted, Seen};

impl<'a> Builder<'a> {
    /// In front of a helper that does the whole bytecode: notes the operands of which nothing is known.
    pub(super) fn note_operands(&mut self, instr: &Instr) {
        // Of what an item is asked is noted even where it is known: who inlines the code does not know it. Of a class, which.
        let is_attr = instr.opcode == Opcode::LoadAttr;
        let is_subscript = matches!(instr.opcode, Opcode::BinarySubscr | Opcode::StoreSubscr);
        for operand in 0..noted_operands(instr.opcode) {
            let Some(value) = self.operand(operand) else {
                continue;
            };
            let kinds = self.func.ty(value).kinds;
            let is_class = is_attr && kinds == Kind::TYPE;
            if (is_subscript && operand == 1) || is_class || !is_known(kinds) {
                self.note(instr, operand, value);
            }
        }
    }

    /// In front of a call in the general way: notes what is called, which is so far from the top of the stack.
    pub(super) fn note_callee(&mut self, instr: &Instr, operand: u32) {
        if let Some(value) = self.operand(operand)
            && self.func.ty(value).object.is_none()
            && !self.is_inlined()
        {
            self.note(instr, operand, value);
        }
    }

    /// What stood so far from the top of the stack in front of the bytecode at hand, if it is one value.
    fn operand(&self, operand: u32) -> Option<Value> {
        match self
            .before
            .last()?
            .stack
            .iter()
            .rev()
            .nth(operand as usize)?
        {
            Item::Val(value) => Some(*value),
            _ => None,
        }
    }

    /// Where code is compiled quickly, notes the class of an operand.
    fn note(&mut self, instr: &Instr, operand: u32, value: Value) {
        if self.request.mode.effort != Effort::Quick || self.func.rep(value) != Rep::Obj {
            return;
        }
        let Some(before) = self.before.last() else {
            return;
        };
        let noted = Noted {
            code: before.code as u32,
            offset: instr.offset,
            operand,
        };
        let notes = &mut self.func.notes;
        let index = notes.iter().position(|it| *it == noted);
        let index = index.unwrap_or_else(|| {
            notes.push(noted);
            notes.len() - 1
        });
        self.emit_unit(Op::Note(index as u32), vec![value]);
    }

    /// Operands are probably what they were in earlier versions.
    pub(super) fn expect_what_was_noted(&mut self, instr: &Instr) {
        let Some(noted) = self.noted(instr) else {
            return;
        };
        for (item, seen) in self.frame().stack.clone().iter().rev().zip(noted) {
            let kind = Kind::from_seen(*seen);
            if let Item::Val(value) = *item
                && kind.is_single()
                && !is_known(self.func.ty(value).kinds)
            {
                self.hints.insert(value, kind);
            }
        }
    }

    /// Whether the operand on top of the stack is known to have been of another kind than is guessed of it.
    pub(super) fn is_contradicted(&self, instr: &Instr, kind: Kind) -> bool {
        let seen = self.noted(instr).and_then(|it| it.first());
        let is_known = |item: Option<&Item>| item.is_some_and(|it| self.kinds(it).is_single());
        let item = self.before.last().and_then(|it| it.stack.last());
        seen.is_some_and(|it| *it != Seen::Nothing && Kind::from_seen(*it) != kind)
            && !is_known(item)
    }

    /// What earlier versions have noted of the operands of an instruction.
    pub(super) fn noted(&self, instr: &Instr) -> Option<&'a [Seen]> {
        self.noted_at(instr.offset)
    }

    /// The same of the instruction whose opcode is at an offset.
    pub(in crate::build) fn noted_at(&self, offset: u32) -> Option<&'a [Seen]> {
        let noted = &self.snapshot().noted;
        let index = noted.binary_search_by_key(&offset, |it| it.0);
        index.ok().map(|index| &noted[index].1[..])
    }
}

/// Whether the kinds say what there is to know.
fn is_known(kinds: Kind) -> bool {
    kinds.is_single() && kinds != Kind::OBJECT
}

/// How many operands of an instruction may be noted.
fn noted_operands(opcode: Opcode) -> u32 {
    match opcode {
        Opcode::BinaryOp | Opcode::CompareOp | Opcode::ContainsOp | Opcode::BinarySubscr => 2,
        Opcode::StoreSubscr | Opcode::BinarySlice => 3,
        Opcode::StoreSlice => 4,
        Opcode::ToBool
        | Opcode::UnaryNegative
        | Opcode::UnaryInvert
        | Opcode::GetIter
        | Opcode::UnpackSequence
        | Opcode::LoadAttr
        | Opcode::StoreAttr => 1,
        _ => 0,
    }
}
