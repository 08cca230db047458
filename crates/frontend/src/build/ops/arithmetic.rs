//! Arithmetic: raw where both operands are numbers, known or likely; otherwise the interpreter's own operator.

use super::{Builder, Flow, Result};
use crate::build::frame::Item;
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{Cond, FloatOp, HelperId, IntOp, Kind, Op, Rep, Type, Value};
use martlet_snapshot::Effort;

/// `NB_*` numbers of `Include/opcode.h`, in-place forms folded (they are 13 higher).
mod nb {
    pub(super) const ADD: u32 = 0;
    pub(super) const AND: u32 = 1;
    pub(super) const FLOOR_DIVIDE: u32 = 2;
    pub(super) const LSHIFT: u32 = 3;
    pub(super) const MULTIPLY: u32 = 5;
    pub(super) const REMAINDER: u32 = 6;
    pub(super) const OR: u32 = 7;
    pub(super) const POWER: u32 = 8;
    pub(super) const RSHIFT: u32 = 9;
    pub(super) const SUBTRACT: u32 = 10;
    pub(super) const TRUE_DIVIDE: u32 = 11;
    pub(super) const XOR: u32 = 12;
    pub(super) const INPLACE: u32 = 13;
}

impl Builder<'_> {
    pub(super) fn arithmetic(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::BinaryOp => self.binary_op(instr),
            Opcode::UnaryNegative => self.negative(instr),
            _ => self.invert(instr),
        }
    }

    fn binary_op(&mut self, instr: &Instr) -> Result {
        let operator = if instr.arg >= nb::INPLACE {
            instr.arg - nb::INPLACE
        } else {
            instr.arg
        };
        if self.is_mixed() {
            return self.mixed_binary_op(instr, operator);
        }
        let right = self.pop()?;
        let left = self.pop()?;
        let special = instr.special.filter(|_| self.may_speculate());
        let expected = match special {
            Some(Special::BinaryOpInt) => Some(Kind::INT),
            Some(Special::BinaryOpFloat) => Some(Kind::FLOAT),
            _ => None,
        };
        let (left, right) = match instr.special {
            None => self.merged_floats(operator, left, right),
            Some(_) => (left, right),
        };
        let (a, b) = (
            self.number_kind(&left, expected),
            self.number_kind(&right, expected),
        );
        // Code that is compiled quickly notes what comes, unless it is inlined: there the general way is an exit. What was
        // noted needs no guess.
        let notes = self.request.mode.effort == Effort::Quick && !self.is_inlined();
        let guesses = !notes && self.noted(instr).is_none();
        let (a, b) = if guesses && instr.special.is_none() && self.may_speculate() {
            (
                self.guessed(operator, &left, a, b),
                self.guessed(operator, &right, b, a),
            )
        } else {
            (a, b)
        };
        if let (Item::Val(x), Item::Val(y)) = (&left, &right)
            && self.may_speculate()
            && let Some(result) = self.number_op(operator, (*x, a), (*y, b))
        {
            self.push_value(result);
            return Ok(Flow::Next);
        }
        if special == Some(Special::BinaryOpStrInplace)
            && let Some(next) = self.append_to_local(instr, &left, &right)?
        {
            return Ok(Flow::Goto(next));
        }
        if let Some(flow) = self.operator_method(instr, &left, &right)? {
            return Ok(flow);
        }
        // In an inlined function the general way would be an exit.
        if let (Item::Val(x), Item::Val(y)) = (&left, &right)
            && self.is_inlined()
            && self.may_speculate()
            && is_mixable(operator)
            && self.may_mix([*x, *y])
        {
            let result = self.mixed_op(instr, operator, *x, *y);
            self.push_value(result);
            return Ok(Flow::Next);
        }
        let (left, right) = (self.obj(&left)?, self.obj(&right)?);
        let number = self.number(instr.arg);
        self.generic(instr, HelperId::BinaryOp, vec![left, right, number])
    }

    /// The operands, where one is a float and nothing is known of the other: that as a double, if it is a number.
    fn merged_floats(&mut self, operator: u32, left: Item, right: Item) -> (Item, Item) {
        let may_merge = self.may_speculate()
            && self.failures() == 0
            && float_is_known(operator)
            && self.func.bytecodes <= self.affordable;
        let kinds = (self.likely_kinds(&left), self.likely_kinds(&right));
        match (&left, &right, kinds) {
            (Item::Val(_), Item::Val(open), (Kind::FLOAT, other))
                if may_merge && !other.is_single() && self.is_open(&right) =>
            {
                let open = self.mixed_float(*open);
                (left, Item::Val(open))
            }
            (Item::Val(open), Item::Val(_), (other, Kind::FLOAT))
                if may_merge && !other.is_single() && self.is_open(&left) =>
            {
                let open = self.mixed_float(*open);
                (Item::Val(open), right)
            }
            _ => (left, right),
        }
    }

    /// The kind to take an operand for of which nothing is known but its operator, beside another of kind `beside`: the
    /// interpreter specialises none but `+`, `-` and `*`, and these only for two ints or two floats.
    fn guessed(&self, operator: u32, item: &Item, kind: Kind, beside: Kind) -> Kind {
        if kind.is_single() || !self.is_open(item) {
            return kind;
        }
        let is_open = !beside.is_single() && beside.contains(Kind::INT | Kind::FLOAT);
        let is_number = matches!(beside, Kind::INT | Kind::BOOL | Kind::FLOAT);
        match operator {
            _ if !is_number && !is_open => kind,
            nb::ADD | nb::SUBTRACT | nb::MULTIPLY if is_open => kind,
            nb::AND | nb::OR | nb::XOR if is_open => kind,
            nb::ADD | nb::SUBTRACT | nb::MULTIPLY | nb::TRUE_DIVIDE | nb::POWER => Kind::FLOAT,
            nb::REMAINDER | nb::FLOOR_DIVIDE if beside == Kind::FLOAT => Kind::FLOAT,
            _ if int_is_known(operator) => Kind::INT,
            _ => kind,
        }
    }

    /// As [`Builder::binary_op`] where operands are now of this kind, now of that.
    fn mixed_binary_op(&mut self, instr: &Instr, operator: u32) -> Result {
        let to_float = float_is_known(operator);
        if self.split(to_float)? {
            return Ok(Flow::Ended);
        }
        let right = self.pop()?;
        let left = self.pop()?;
        if let (Item::Val(x), Item::Val(y)) = (&left, &right) {
            let (mut x, mut y) = (*x, *y);
            if to_float && self.kinds(&left) == Kind::FLOAT && self.is_open(&right) {
                y = self.mixed_float(y);
            } else if to_float && self.kinds(&right) == Kind::FLOAT && self.is_open(&left) {
                x = self.mixed_float(x);
            }
            let kinds = [x, y].map(|it| (it, self.func.ty(it).kinds));
            if let Some(result) = self.number_op(operator, kinds[0], kinds[1]) {
                self.push_value(result);
                return Ok(Flow::Next);
            }
            if is_mixable(operator) && self.may_mix([x, y]) {
                let result = self.mixed_op(instr, operator, x, y);
                self.push_value(result);
                return Ok(Flow::Next);
            }
        }
        let (left, right) = (self.obj(&left)?, self.obj(&right)?);
        let number = self.number(instr.arg);
        self.generic(instr, HelperId::BinaryOp, vec![left, right, number])
    }

    /// The operation on raw numbers, if both operands are numbers of kinds that it is known for.
    fn number_op(
        &mut self,
        operator: u32,
        (x, a): (Value, Kind),
        (y, b): (Value, Kind),
    ) -> Option<Value> {
        let is_int = |kind| matches!(kind, Kind::INT | Kind::BOOL);
        if a == Kind::BOOL && b == Kind::BOOL && matches!(operator, nb::AND | nb::OR | nb::XOR) {
            return self.bit_op(operator, x, y);
        }
        if is_int(a) && is_int(b) {
            if !int_is_known(operator) {
                return None;
            }
            let (x, y) = (self.raw_int(x, a), self.raw_int(y, b));
            return Some(self.int_op(operator, x, y));
        }
        let is_number = |kind| is_int(kind) || kind == Kind::FLOAT;
        if (a == Kind::FLOAT || b == Kind::FLOAT)
            && is_number(a)
            && is_number(b)
            && float_is_known(operator)
        {
            let (x, y) = (self.raw_float(x, a), self.raw_float(y, b));
            return Some(self.float_op(operator, x, y));
        }
        None
    }

    /// A value of kind int or bool as a raw integer.
    pub(super) fn raw_int(&mut self, value: Value, kind: Kind) -> Value {
        let raw = self.unboxed(value, kind);
        match self.func.rep(raw) {
            Rep::I1 => self.emit(Op::BitToInt, vec![raw], Type::of(Kind::INT)),
            _ => raw,
        }
    }

    /// A value of kind int, bool or float as a double.
    pub(super) fn raw_float(&mut self, value: Value, kind: Kind) -> Value {
        if kind == Kind::FLOAT {
            return self.unboxed(value, kind);
        }
        let raw = self.raw_int(value, kind);
        self.emit(Op::IntToFloat, vec![raw], Type::of(Kind::FLOAT))
    }

    fn bit_op(&mut self, operator: u32, x: Value, y: Value) -> Option<Value> {
        let (x, y) = (self.raw_int(x, Kind::BOOL), self.raw_int(y, Kind::BOOL));
        let result = self.int_op(operator, x, y);
        let zero = self.int(0);
        Some(self.int_cmp(Cond::Ne, result, zero))
    }

    fn int_op(&mut self, operator: u32, x: Value, y: Value) -> Value {
        let ty = Type::of(Kind::INT);
        match operator {
            nb::ADD => self
                .emit_exiting(Op::IntBin(IntOp::Add), vec![x, y], ty)
                .expect("a sum"),
            nb::SUBTRACT => self
                .emit_exiting(Op::IntBin(IntOp::Sub), vec![x, y], ty)
                .expect("a difference"),
            nb::MULTIPLY => self
                .emit_exiting(Op::IntBin(IntOp::Mul), vec![x, y], ty)
                .expect("a product"),
            nb::AND => self.emit(Op::IntBin(IntOp::And), vec![x, y], ty),
            nb::OR => self.emit(Op::IntBin(IntOp::Or), vec![x, y], ty),
            nb::XOR => self.emit(Op::IntBin(IntOp::Xor), vec![x, y], ty),
            nb::LSHIFT => self.checked_helper(HelperId::IntLShift, vec![x, y]),
            nb::POWER => self.checked_helper(HelperId::IntPow, vec![x, y]),
            nb::TRUE_DIVIDE => self.checked_helper(HelperId::IntTrueDiv, vec![x, y]),
            nb::RSHIFT => {
                self.guard_int(y, Cond::Ge, 0);
                self.helper(HelperId::IntRShift, vec![x, y])
            }
            _ => {
                self.guard_int(y, Cond::Ne, 0);
                // INT64_MIN // -1 overflows; nobody divides by -1 in a loop.
                self.guard_int(y, Cond::Ne, -1);
                let helper = if operator == nb::REMAINDER {
                    HelperId::IntMod
                } else {
                    HelperId::IntFloorDiv
                };
                self.helper(helper, vec![x, y])
            }
        }
    }

    /// Exits unless the comparison with a constant holds; nothing where that is known.
    pub(super) fn guard_int(&mut self, value: Value, cond: Cond, constant: i64) {
        if let Some(Op::Int(known)) = self.func.def_op(value) {
            let holds = match cond {
                Cond::Lt => *known < constant,
                Cond::Le => *known <= constant,
                Cond::Eq => *known == constant,
                Cond::Ne => *known != constant,
                Cond::Gt => *known > constant,
                Cond::Ge => *known >= constant,
            };
            if holds {
                return;
            }
        }
        let constant = self.int(constant);
        let bit = self.int_cmp(cond, value, constant);
        self.guard(bit, true);
    }

    pub(super) fn float_op(&mut self, operator: u32, x: Value, y: Value) -> Value {
        let ty = Type::of(Kind::FLOAT);
        match operator {
            nb::ADD => self.emit(Op::FloatBin(FloatOp::Add), vec![x, y], ty),
            nb::SUBTRACT => self.emit(Op::FloatBin(FloatOp::Sub), vec![x, y], ty),
            nb::MULTIPLY => self.emit(Op::FloatBin(FloatOp::Mul), vec![x, y], ty),
            nb::POWER => self.checked_helper(HelperId::FloatPow, vec![x, y]),
            _ => {
                let zero = self.emit(Op::Float(0), vec![], ty);
                let bit = self.emit(Op::FloatCmp(Cond::Ne), vec![y, zero], Type::of(Kind::BOOL));
                self.guard(bit, true);
                match operator {
                    nb::TRUE_DIVIDE => self.emit(Op::FloatBin(FloatOp::Div), vec![x, y], ty),
                    nb::REMAINDER => self.helper(HelperId::FloatMod, vec![x, y]),
                    _ => self.helper(HelperId::FloatFloorDiv, vec![x, y]),
                }
            }
        }
    }

    /// `local += text` where the next bytecode stores to that local: appends in place where nobody else has the string.
    fn append_to_local(
        &mut self,
        instr: &Instr,
        left: &Item,
        right: &Item,
    ) -> std::result::Result<Option<u32>, crate::build::Refusal> {
        use crate::build::frame::Local;
        let infos = self.infos.clone();
        let Some(store) = infos[self.frame().code].code.at(instr.end) else {
            return Ok(None);
        };
        let (Item::Val(left), Item::Val(right)) = (left, right) else {
            return Ok(None);
        };
        if store.opcode != Opcode::StoreFast || self.is_inlined() {
            return Ok(None);
        }
        let local = store.arg;
        if !matches!(self.frame().locals[local as usize], Local::Memory { cached: Some(held), .. } if held == *left)
        {
            return Ok(None);
        }
        self.guard_kind(*left, Kind::STR);
        let right = self.guard_kind(*right, Kind::STR);
        self.frame_mut().locals[local as usize] = Local::Memory {
            ty: Type::of(Kind::STR),
            cached: None,
        };
        let index = self.number(local);
        self.call_helper(HelperId::StrAppendLocal, vec![index, right]);
        Ok(Some(store.end))
    }

    fn negative(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        if let Item::Val(value) = item
            && self.may_speculate()
        {
            let kind = self.likely_kinds(&item);
            if matches!(kind, Kind::INT | Kind::BOOL) {
                let raw = self.raw_int(value, kind);
                let result = self
                    .emit_exiting(Op::IntNeg, vec![raw], Type::of(Kind::INT))
                    .expect("an integer");
                self.push_value(result);
                return Ok(Flow::Next);
            }
            if kind == Kind::FLOAT {
                let raw = self.raw_float(value, kind);
                let result = self.emit(Op::FloatNeg, vec![raw], Type::of(Kind::FLOAT));
                self.push_value(result);
                return Ok(Flow::Next);
            }
        }
        let value = self.obj(&item)?;
        self.generic(instr, HelperId::Negative, vec![value])
    }

    fn invert(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        if let Item::Val(value) = item
            && self.may_speculate()
            && self.likely_kinds(&item) == Kind::INT
        {
            let raw = self.raw_int(value, Kind::INT);
            let ones = self.int(-1);
            let result = self.emit(Op::IntBin(IntOp::Xor), vec![raw, ones], Type::of(Kind::INT));
            self.push_value(result);
            return Ok(Flow::Next);
        }
        let value = self.obj(&item)?;
        self.generic(instr, HelperId::Invert, vec![value])
    }
}

fn int_is_known(operator: u32) -> bool {
    operator <= nb::XOR && operator != 4 // matrix multiplication
}

/// Whether the operation is one that `martlet_mixed_op` knows.
fn is_mixable(operator: u32) -> bool {
    is_simple(operator)
        || matches!(
            operator,
            nb::AND | nb::OR | nb::XOR | nb::FLOOR_DIVIDE | nb::REMAINDER
        )
}

/// Whether the operation on floats is one instruction.
pub(super) fn is_simple(operator: u32) -> bool {
    matches!(
        operator,
        nb::ADD | nb::SUBTRACT | nb::MULTIPLY | nb::TRUE_DIVIDE
    )
}

fn float_is_known(operator: u32) -> bool {
    matches!(
        operator,
        nb::ADD
            | nb::SUBTRACT
            | nb::MULTIPLY
            | nb::TRUE_DIVIDE
            | nb::FLOOR_DIVIDE
            | nb::REMAINDER
            | nb::POWER
    )
}
