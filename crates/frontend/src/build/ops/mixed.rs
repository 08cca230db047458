//! Operands that are numbers of this kind now and of that kind then: where a guess has failed once, code goes on in a
//! block for each kind of number, and in one that does whatever is left in the general way. Nothing exits for their kinds.

use super::Builder;
use crate::build::frame::Item;
use crate::build::{Refusal, Work};
use crate::bytecode::{Opcode, Special};
use crate::hir::{Cond, HelperId, Kind, Op, Rep, Target, Term, Type, Value};

impl Builder<'_> {
    /// Whether the current bytecode is one whose operands are told apart: a guess failed there once. Not where the
    /// function has grown too much already, nor in the block for what is left.
    pub(in crate::build) fn is_mixed(&self) -> bool {
        self.failures() == 1
            && self.plain != Some((self.frame().code as u32, self.start))
            && (self.is_inlined() || self.func.bytecodes <= self.affordable)
            && matches!(self.opcode(), Some(Opcode::BinaryOp | Opcode::CompareOp))
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
    /// kind that it probably is, and once for all others. With `merges`, not where the other one is a float: see [`Builder::mixed_float`]. Answers
    /// whether it did.
    pub(super) fn split(&mut self, merges: bool) -> std::result::Result<bool, Refusal> {
        // An inlined function stays small.
        if self.is_inlined() {
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
        for kind in self.kinds_to_tell_apart() {
            let no = self.branch_on_kind(value, *kind);
            let frames = self.frames.clone();
            self.guard_kind(value, *kind);
            self.go_on(false);
            self.frames = frames;
            self.block = no;
        }
        self.go_on(true);
        // What is likely is translated first: it takes the versions that there are of what follows.
        self.work[waiting..].reverse();
        Ok(true)
    }

    /// The kinds of number to tell apart at the current bytecode: the one that the interpreter expects, or else both. The
    /// ways meet behind it, so that they do not multiply.
    fn kinds_to_tell_apart(&mut self) -> &'static [Kind] {
        let frame = self.frame().code;
        let infos = self.infos.clone();
        let Some(instr) = infos[frame].code.at(self.start) else {
            return &[];
        };
        self.returns.insert((frame, instr.end));
        match instr.special {
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
        for kind in [Kind::FLOAT, Kind::INT] {
            let no = self.branch_on_kind(value, kind);
            let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
            let float = self.raw_float(value, kind);
            self.end(Term::Jump(Target {
                block: next,
                args: vec![float],
            }));
            self.frames = frames;
            self.boxes = boxes;
            self.block = no;
        }
        let frames = std::mem::replace(&mut self.frames, self.before.clone());
        if self.is_inlined() {
            self.exit("type");
        } else {
            self.go_on(true);
        }
        self.frames = frames;
        self.block = next;
        result
    }

    /// An operator on two objects that are numbers of one kind or the other, in an inlined function: exits where they are
    /// something else.
    pub(super) fn mixed_op(&mut self, number: u32, x: Value, y: Value) -> Value {
        let (x, y) = (self.boxed(x), self.boxed(y));
        let number = self.number(number);
        let op = Op::Call {
            helper: HelperId::MixedOp,
            outputs: 0,
        };
        let numbers = Kind::INT | Kind::FLOAT;
        let found = self.emit(op, vec![x, y, number], Type::of(numbers | Kind::NULL));
        let result = self
            .emit_exiting(Op::GuardNotNull, vec![found], Type::of(numbers))
            .expect("the same reference");
        self.release(x);
        self.release(y);
        result
    }

    /// The same for a comparison.
    pub(super) fn mixed_compare(&mut self, cond: Cond, x: Value, y: Value) -> Value {
        let (x, y) = (self.boxed(x), self.boxed(y));
        let number = self.number(cond.number());
        let holds = self.checked_helper(HelperId::MixedCompare, vec![x, y, number]);
        self.release(x);
        self.release(y);
        let zero = self.int(0);
        self.int_cmp(Cond::Ne, holds, zero)
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
            plain,
            caught: false,
        });
    }
}
