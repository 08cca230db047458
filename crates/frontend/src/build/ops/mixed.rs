//! Operands that are numbers of this kind now and of that kind then: where a guess has failed once, code goes on in a
//! block for each kind of number. Whatever is left exits, or goes on in a block that does it in the general way if it was
//! seen there.

use super::Builder;
use super::arithmetic::is_simple;
use crate::build::frame::Item;
use crate::build::{Refusal, Work};
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{Cond, HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::Seen;

/// Most bytecodes of a function in which numbers are told apart outside of loops, too.
const SMALL: usize = 60;

impl Builder<'_> {
    /// Whether the current bytecode is one whose operands are told apart: a guess failed there once, or they are known to
    /// be numbers. Not in the block for what is left.
    pub(in crate::build) fn is_mixed(&self) -> bool {
        let failures = self.failures();
        (failures == 1 || failures == 0 && self.has_numbers())
            && self.plain != Some((self.frame().code as u32, self.start))
            && matches!(self.opcode(), Some(Opcode::BinaryOp | Opcode::CompareOp))
    }

    /// Whether the two operands in front of the current bytecode are ints and floats, and it is not known which.
    fn has_numbers(&self) -> bool {
        let numbers = Kind::INT | Kind::FLOAT;
        let stack = self.before.last().map_or(&[][..], |it| &it.stack);
        stack.last_chunk::<2>().is_some_and(|operands| {
            let kinds = operands.each_ref().map(|it| self.kinds(it));
            kinds.iter().all(|it| numbers.contains(*it)) && !kinds.iter().all(|it| it.is_single())
        })
    }

    /// Whether the current bytecode unpacks a sequence: if a guess failed once, it is not said again of the items.
    pub(in crate::build) fn unpacks(&self) -> bool {
        self.opcode() == Some(Opcode::UnpackSequence)
    }

    /// Whether the current bytecode gets or sets an item: if a guess failed once, a negative index is counted from the end.
    pub(in crate::build) fn subscribes(&self) -> bool {
        matches!(
            self.opcode(),
            Some(Opcode::BinarySubscr | Opcode::StoreSubscr)
        )
    }

    fn opcode(&self) -> Option<Opcode> {
        let code = &self.infos[self.frame().code].code;
        code.at(self.start).map(|instr| instr.opcode)
    }

    /// Whether an operand is an object of any kind.
    pub(super) fn is_open(&self, item: &Item) -> bool {
        let kinds = self.kinds(item);
        let is_object = matches!(item, Item::Val(value) if self.func.rep(*value) == Rep::Obj);
        is_object && !kinds.contains(Kind::NULL) && kinds.contains(Kind::INT | Kind::FLOAT)
    }

    /// Looks for an operand of any kind among the two on top of the stack, and does the current bytecode once for each
    /// kind that it probably is, and once for all others. With `merges`, not where the other one is a float: see
    /// [`Builder::mixed_float`]. Answers whether it did: an inlined function stays small, one that has grown does not
    /// grow any more, and outside of loops it is worth it in small ones alone.
    pub(super) fn split(&mut self, merges: bool) -> std::result::Result<bool, Refusal> {
        let root = &self.infos[0];
        let pays = root.is_in_loop(self.start) || root.code.insts.len() <= SMALL;
        if self.is_inlined() || !pays || self.func.bytecodes > self.affordable {
            return Ok(false);
        }
        let stack = &self.frame().stack;
        let Some([left, right]) = stack.last_chunk::<2>() else {
            return Err(Refusal::new("bytecode", "value stack underflow"));
        };
        if merges && [left, right].iter().any(|it| self.kinds(it) == Kind::FLOAT) {
            return Ok(false);
        }
        let open = [left, right].into_iter().find(|it| self.is_open(it));
        let Some(&Item::Val(value)) = open else {
            return Ok(false);
        };
        let waiting = self.work.len();
        let exits = self.expects_numbers();
        let kinds = self.kinds_to_tell_apart(exits);
        for (index, kind) in kinds.iter().enumerate() {
            let is_last = exits && index + 1 == kinds.len();
            let no = (!is_last).then(|| self.branch_on_kind(value, *kind));
            let frames = self.frames.clone();
            self.guard_kind(value, *kind);
            self.go_on(false);
            self.frames = frames;
            if let Some(no) = no {
                self.block = no;
            }
        }
        if !exits {
            self.go_on(true);
        }
        // What is likely is translated first: it takes the versions that there are of what follows.
        self.work[waiting..].reverse();
        Ok(true)
    }

    /// Whether operands of the current bytecode that are no numbers exit: neither the interpreter nor earlier versions nor
    /// their exits have seen anything else there. Comparisons of what nobody has seen are done in the general way: that
    /// costs their result nothing.
    fn expects_numbers(&self) -> bool {
        let noted = self.noted_at(self.offset).unwrap_or(&[]);
        let is_number = |it: &Seen| matches!(it, Seen::Int | Seen::Float | Seen::Number);
        let code = self.frame().code;
        let instr = self.infos[code].code.at(self.start);
        let failed = self.avoid.contains_key(&(code as u32, self.start));
        let expects = match instr.and_then(|it| it.special) {
            Some(Special::BinaryOpStr | Special::BinaryOpStrInplace | Special::CompareStr) => false,
            Some(Special::CompareFloat | Special::CompareInt) => true,
            _ if self.opcode() == Some(Opcode::BinaryOp) => true,
            _ => failed || self.has_numbers() || noted.iter().any(is_number),
        };
        expects && noted.iter().all(|it| *it == Seen::Nothing || is_number(it))
    }

    /// The kinds of number to tell apart at the current bytecode: with `all` both, else the one that the interpreter
    /// expects, if it does. The ways meet behind it, so that they do not multiply.
    fn kinds_to_tell_apart(&mut self, all: bool) -> &'static [Kind] {
        let frame = self.frame().code;
        let infos = self.infos.clone();
        let Some(instr) = infos[frame].code.at(self.start) else {
            return &[];
        };
        self.returns.insert((frame, instr.end));
        match instr.special {
            _ if all => &[Kind::FLOAT, Kind::INT],
            Some(Special::BinaryOpFloat | Special::CompareFloat) => &[Kind::FLOAT],
            Some(Special::BinaryOpInt | Special::CompareInt) => &[Kind::INT],
            _ => &[Kind::FLOAT, Kind::INT],
        }
    }

    /// An operand as a double, if it is a float or an int; what is left goes on in the general way. The other operand is
    /// a float, so that the result is that of floats in either case.
    pub(super) fn mixed_float(&mut self, value: Value) -> Value {
        let next = self.func.add_block(self.offset);
        let result = self.func.add_param(next, Rep::F64, Type::of(Kind::FLOAT));
        let exits = self.rest_exits();
        for kind in [Kind::FLOAT, Kind::INT] {
            let is_last = exits && kind == Kind::INT;
            let no = (!is_last).then(|| self.branch_on_kind(value, kind));
            let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
            let float = self.raw_float(value, kind);
            self.end(Term::Jump(Target {
                block: next,
                args: vec![float],
            }));
            self.frames = frames;
            self.boxes = boxes;
            if let Some(no) = no {
                self.block = no;
            }
        }
        if !exits {
            let frames = std::mem::replace(&mut self.frames, self.before.clone());
            self.go_on(true);
            self.frames = frames;
        }
        self.block = next;
        result
    }

    /// Whether the operands of the current bytecode may be computed with as numbers of one kind or the other: nothing tells
    /// that they are something else.
    pub(super) fn may_mix(&self, operands: [Value; 2]) -> bool {
        let noted = self.noted_at(self.offset).unwrap_or(&[]);
        let may_be = |it: &Seen| {
            matches!(
                it,
                Seen::Nothing | Seen::Int | Seen::Float | Seen::Number | Seen::Other
            )
        };
        noted.iter().all(may_be)
            && operands.iter().all(|it| {
                let kinds = self.func.ty(*it).kinds;
                matches!(kinds, Kind::INT | Kind::FLOAT) || self.is_open(&Item::Val(*it))
            })
    }

    /// An operator on two objects that are numbers of one kind or the other, as an object. Whatever they are else exits,
    /// or goes on in the general way.
    pub(super) fn mixed_op(&mut self, instr: &Instr, operator: u32, x: Value, y: Value) -> Value {
        let (x, y) = (self.boxed(x), self.boxed(y));
        self.returns.insert((self.frame().code, instr.end));
        let numbers = Type::of(Kind::INT | Kind::FLOAT);
        let op = Op::Call {
            helper: HelperId::MixedOp,
            outputs: 0,
        };
        let slow = |b: &mut Self| {
            let number = b.number(instr.arg);
            let found = b.emit(
                op,
                vec![x, y, number],
                Type::of(Kind::INT | Kind::FLOAT | Kind::NULL),
            );
            if !b.rest_exits() {
                let null = b.emit(Op::IsNull, vec![found], Type::of(Kind::BOOL));
                b.leave_rest(null, true);
            }
            let found = b.emit_exiting(Op::GuardNotNull, vec![found], numbers);
            b.release(x);
            b.release(y);
            found.expect("the same reference")
        };
        if !is_simple(operator) {
            return slow(self);
        }
        let fast = |b: &mut Self, x, y| {
            let raw = b.float_op(operator, x, y);
            b.boxed(raw)
        };
        self.where_floats([x, y], (Rep::Obj, numbers), fast, slow)
    }

    /// The same for a comparison.
    pub(super) fn mixed_compare(&mut self, instr: &Instr, cond: Cond, x: Value, y: Value) -> Value {
        let (x, y) = (self.boxed(x), self.boxed(y));
        self.returns.insert((self.frame().code, instr.end));
        let bit = Type::of(Kind::BOOL);
        let slow = |b: &mut Self| {
            let number = b.number(cond.number());
            let multi = b.helper(HelperId::MixedCompare, vec![x, y, number]);
            let ok = b.emit(Op::Second, vec![multi], bit);
            if b.rest_exits() {
                b.guard(ok, true);
            } else {
                b.leave_rest(ok, false);
            }
            let holds = b.emit(Op::First, vec![multi], Type::of(Kind::INT));
            b.release(x);
            b.release(y);
            let zero = b.int(0);
            b.int_cmp(Cond::Ne, holds, zero)
        };
        let fast = |b: &mut Self, x, y| b.emit(Op::FloatCmp(cond), vec![x, y], bit);
        self.where_floats([x, y], (Rep::I1, bit), fast, slow)
    }

    /// Whether operands of the current bytecode that are no numbers exit.
    fn rest_exits(&self) -> bool {
        self.is_inlined() || self.expects_numbers()
    }

    /// Where the bit is `wanted`, the current bytecode is done in the general way; goes on where it is not.
    pub(super) fn leave_rest(&mut self, bit: Value, wanted: bool) {
        let other = self.branch_on(bit, Some(!wanted));
        let (rest, fine) = match wanted {
            true => (self.block, other),
            false => (other, self.block),
        };
        let frames = std::mem::replace(&mut self.frames, self.before.clone());
        self.block = rest;
        self.go_on(true);
        self.frames = frames;
        self.block = fine;
    }

    /// Does one thing with two objects that are both floats, and the other where they are not; the ways meet at once.
    fn where_floats(
        &mut self,
        operands: [Value; 2],
        (rep, ty): (Rep, Type),
        fast: impl FnOnce(&mut Self, Value, Value) -> Value,
        slow: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let kinds = operands.map(|it| self.func.ty(it).kinds);
        if !kinds.iter().all(|it| it.contains(Kind::FLOAT)) {
            return slow(self);
        }
        let next = self.func.add_block(self.offset);
        let result = self.func.add_param(next, rep, ty);
        let other = self.func.add_block(self.offset);
        let to = |block, args| Term::Jump(Target { block, args });
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        for operand in operands {
            if self.func.ty(operand).kinds != Kind::FLOAT {
                let no = self.branch_on_kind(operand, Kind::FLOAT);
                let yes = std::mem::replace(&mut self.block, no);
                self.end(to(other, vec![]));
                self.block = yes;
            }
        }
        let [x, y] = operands.map(|it| self.raw_float(it, Kind::FLOAT));
        let value = fast(self, x, y);
        self.end(to(next, vec![value]));
        self.frames.clone_from(&frames);
        self.boxes.clone_from(&boxes);
        self.block = other;
        let value = slow(self);
        self.end(to(next, vec![value]));
        self.frames = frames;
        self.boxes = boxes;
        self.block = next;
        result
    }

    /// Goes on in a block where the value is of this kind; answers the block where it is not.
    fn branch_on_kind(&mut self, value: Value, kind: Kind) -> crate::hir::Block {
        let bit = self.emit(Op::IsKind(kind), vec![value], Type::of(Kind::BOOL));
        self.branch_on(bit, Some(kind == Kind::FLOAT))
    }

    /// Goes on in a block where the bit is set; answers the block where it is not.
    pub(super) fn branch_on(&mut self, bit: Value, likely: Option<bool>) -> crate::hir::Block {
        let yes = self.func.add_block(self.offset);
        let no = self.func.add_block(self.offset);
        let to = |block| Target {
            block,
            args: vec![],
        };
        self.end(Term::Branch {
            cond: bit,
            then: to(yes),
            other: to(no),
            likely,
        });
        self.block = yes;
        no
    }

    /// The current bytecode will be done in the block at hand, with the frames at hand.
    pub(super) fn go_on(&mut self, plain: bool) {
        self.work.push(Work {
            block: self.block,
            frames: self.frames.clone(),
            offset: self.start,
            classes: self.classes.clone(),
            plain,
            caught: false,
            goes_there: false,
        });
    }
}
