//! Comparison, identity, membership, truth.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{Cond, Field, HelperId, Kind, Op, Rep, Type, Value};

/// `COMPARE_OP`'s argument: its result is converted to a bool.
const TO_BOOL: u32 = 16;

impl Builder<'_> {
    pub(super) fn comparison(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::CompareOp => self.compare(instr),
            Opcode::IsOp => self.is_op(instr),
            Opcode::ContainsOp => self.contains(instr),
            Opcode::ToBool => {
                let item = self.pop()?;
                match self.truth(&item, instr)? {
                    Some(bit) => self.push_value(bit),
                    None => {
                        let value = self.obj(&item)?;
                        return self.truth_quickly(instr, value);
                    }
                }
                Ok(Flow::Next)
            }
            _ => {
                let item = self.pop()?;
                let bit = self.bit(&item)?;
                let result = self.emit(Op::Not, vec![bit], Type::of(Kind::BOOL));
                self.push_value(result);
                Ok(Flow::Next)
            }
        }
    }

    fn compare(&mut self, instr: &Instr) -> Result {
        let number = instr.arg >> 5;
        let cond = Cond::from_number(number)
            .ok_or_else(|| Refusal::new("bytecode", "no such comparison"))?;
        if self.is_mixed() && self.split(false)? {
            return Ok(Flow::Ended);
        }
        let right = self.pop()?;
        let left = self.pop()?;
        let special = instr
            .special
            .filter(|_| self.may_speculate() && !self.is_mixed());
        let expected = match special {
            Some(Special::CompareInt) => Some(Kind::INT),
            Some(Special::CompareFloat) => Some(Kind::FLOAT),
            _ => None,
        };
        let (a, b) = if self.is_mixed() {
            (self.kinds(&left), self.kinds(&right))
        } else {
            (
                self.number_kind(&left, expected),
                self.number_kind(&right, expected),
            )
        };
        if let (Item::Val(x), Item::Val(y)) = (&left, &right)
            && self.may_speculate()
            && let Some(bit) = self.compare_numbers(cond, (*x, a), (*y, b))
        {
            self.push_value(bit);
            return Ok(Flow::Next);
        }
        if let (Item::Val(x), Item::Val(y), true) = (&left, &right, self.is_mixed())
            && self.may_mix([*x, *y])
        {
            let bit = self.mixed_compare(instr, cond, *x, *y);
            self.push_value(bit);
            return Ok(Flow::Next);
        }
        if let (Item::Val(x), Item::Val(y)) = (&left, &right)
            && self.may_speculate()
            && let Some(bit) = self.compare_texts(cond, *x, *y, special)
        {
            self.push_value(bit);
            return Ok(Flow::Next);
        }
        let (left, right) = (self.obj(&left)?, self.obj(&right)?);
        let is_equality = matches!(cond, Cond::Eq | Cond::Ne);
        let as_bit = instr.arg & TO_BOOL != 0;
        if is_equality && self.failures() == 0 {
            if self.left_head()? {
                return Ok(Flow::Ended);
            }
            self.equal_quickly(instr, cond, [left, right], as_bit);
            return Ok(Flow::Next);
        }
        let constant = self.number(number);
        let helper = if as_bit {
            HelperId::CompareBool
        } else {
            HelperId::Compare
        };
        self.generic(instr, helper, vec![left, right, constant])
    }

    fn compare_numbers(
        &mut self,
        cond: Cond,
        (x, a): (Value, Kind),
        (y, b): (Value, Kind),
    ) -> Option<Value> {
        let is_int = |kind| matches!(kind, Kind::INT | Kind::BOOL);
        let ty = Type::of(Kind::BOOL);
        if is_int(a) && is_int(b) {
            let (x, y) = (self.raw_int(x, a), self.raw_int(y, b));
            return Some(self.emit(Op::IntCmp(cond), vec![x, y], ty));
        }
        let is_number = |kind| is_int(kind) || kind == Kind::FLOAT;
        if !is_number(a) || !is_number(b) {
            return None;
        }
        let (x, y) = (self.exact_float(x, a), self.exact_float(y, b));
        Some(self.emit(Op::FloatCmp(cond), vec![x, y], ty))
    }

    /// Compares two operands that are str, known, specialised to or likely.
    fn compare_texts(
        &mut self,
        cond: Cond,
        x: Value,
        y: Value,
        special: Option<Special>,
    ) -> Option<Value> {
        let is_text = |value| self.likely_kinds(&Item::Val(value)) == Kind::STR;
        if special != Some(Special::CompareStr) && !(is_text(x) && is_text(y)) {
            return None;
        }
        if self.func.rep(x) != Rep::Obj || self.func.rep(y) != Rep::Obj {
            return None;
        }
        let (x, y) = (self.guard_kind(x, Kind::STR), self.guard_kind(y, Kind::STR));
        if !matches!(cond, Cond::Eq | Cond::Ne) {
            let order = self.helper(HelperId::StrOrder, vec![x, y]);
            let zero = self.int(0);
            return Some(self.int_cmp(cond, order, zero));
        }
        let bit = self.helper(HelperId::StrEqual, vec![x, y]);
        Some(match cond {
            Cond::Eq => bit,
            _ => self.emit(Op::Not, vec![bit], Type::of(Kind::BOOL)),
        })
    }

    /// A number as a double of the very same value; exits where there is none.
    fn exact_float(&mut self, value: Value, kind: Kind) -> Value {
        if kind == Kind::FLOAT {
            return self.unboxed(value, kind);
        }
        let raw = self.raw_int(value, kind);
        self.checked_helper(HelperId::IntToFloatExact, vec![raw])
    }

    fn is_op(&mut self, instr: &Instr) -> Result {
        let right = self.pop()?;
        let left = self.pop()?;
        let (left, right) = (self.obj(&left)?, self.obj(&right)?);
        let mut bit = self.emit(Op::Same, vec![left, right], Type::of(Kind::BOOL));
        self.release_all(&[Item::Val(left), Item::Val(right)]);
        if instr.arg & 1 != 0 {
            bit = self.emit(Op::Not, vec![bit], Type::of(Kind::BOOL));
        }
        self.push_value(bit);
        Ok(Flow::Next)
    }

    fn contains(&mut self, instr: &Instr) -> Result {
        let container = self.pop()?;
        let item = self.pop()?;
        let quickly = self.is_in_table(instr, &container);
        // In a str is looked for nothing else.
        let is_text = self.may_speculate() && self.likely_kinds(&container) == Kind::STR;
        let (mut container, mut item) = (self.obj(&container)?, self.obj(&item)?);
        let (helper, operands) = if is_text {
            container = self.guard_kind(container, Kind::STR);
            item = self.guard_kind(item, Kind::STR);
            (HelperId::StrContains, vec![container, item])
        } else {
            (HelperId::Contains, vec![item, container])
        };
        if quickly && !is_text {
            if self.left_head()? {
                return Ok(Flow::Ended);
            }
            return self.contains_quickly(instr, container, item);
        }
        if !is_text && !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let mut bit = self.call_helper(helper, operands).expect("a bit");
        if instr.arg & 1 != 0 {
            bit = self.emit(Op::Not, vec![bit], Type::of(Kind::BOOL));
        }
        self.push_value(bit);
        if !is_text {
            self.after_run(instr.end);
        }
        Ok(Flow::Next)
    }

    /// The bit of an item that is an exact bool.
    pub(super) fn bit(&mut self, item: &Item) -> std::result::Result<Value, Refusal> {
        let value = self.value(item)?;
        if self.func.rep(value) == Rep::I1 {
            return Ok(value);
        }
        let value = self.boxed(value);
        Ok(self.emit(Op::UnboxBool, vec![value], Type::of(Kind::BOOL)))
    }

    /// The truth of an item of a kind whose truth needs no Python code; guarded where it is only likely.
    pub(super) fn truth(
        &mut self,
        item: &Item,
        instr: &Instr,
    ) -> std::result::Result<Option<Value>, Refusal> {
        let ty = Type::of(Kind::BOOL);
        let value = match item {
            Item::Val(value) => *value,
            _ => return Ok(None),
        };
        let kind = match instr.special.filter(|_| self.may_speculate()) {
            _ if self.kinds(item).is_single() => self.kinds(item),
            Some(Special::ToBoolBool) => Kind::BOOL,
            Some(Special::ToBoolInt) => Kind::INT,
            Some(Special::ToBoolList) => Kind::LIST,
            Some(Special::ToBoolNone) => Kind::NONE,
            Some(Special::ToBoolStr) => Kind::STR,
            _ => self.likely_kinds(item),
        };
        if self.is_contradicted(instr, kind) {
            return Ok(None);
        }
        let length = match kind {
            Kind::BOOL => return Ok(Some(self.unboxed(value, kind))),
            Kind::INT => self.unboxed(value, kind),
            Kind::FLOAT => {
                let raw = self.unboxed(value, kind);
                let zero = self.emit(Op::Float(0), vec![], Type::of(Kind::FLOAT));
                return Ok(Some(self.emit(Op::FloatCmp(Cond::Ne), vec![raw, zero], ty)));
            }
            Kind::NONE => {
                let value = self.guard_kind(value, kind);
                self.emit_unit(Op::Drop, vec![value]);
                return Ok(Some(self.emit(Op::Bool(false), vec![], ty)));
            }
            Kind::LIST | Kind::TUPLE => {
                let value = self.guard_kind(value, kind);
                let field = if kind == Kind::LIST {
                    Field::ListLen
                } else {
                    Field::TupleLen
                };
                let length = self.emit(Op::Load(field), vec![value], Type::of(Kind::INT));
                self.release(value);
                length
            }
            Kind::STR | Kind::DICT => {
                let value = self.guard_kind(value, kind);
                let helper = if kind == Kind::STR {
                    HelperId::StrLen
                } else {
                    HelperId::DictLen
                };
                let length = self.helper(helper, vec![value]);
                self.release(value);
                length
            }
            _ => return Ok(None),
        };
        let zero = self.int(0);
        Ok(Some(self.int_cmp(Cond::Ne, length, zero)))
    }
}
