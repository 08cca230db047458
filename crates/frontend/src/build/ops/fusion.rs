//! Generator expressions that are consumed where they are made: `any(x.y for x in items)`. Neither function nor generator
//! is made: the body is an inlined loop, and what it yields goes into the consumer's result at once.
//!
//! Nobody can see such a body at work, for it only looks, and changes nothing. So where it has to be left, it is as if it
//! had not begun: the interpreter makes the function and the iterator, and does it all. That would be done twice, and a
//! loop that nobody sees does not poll: only what goes over few items is fused.

use super::inlining::INLINE_DEPTH;
use super::{Builder, Flow, Result};
use crate::build::frame::{
    Consumer, Exceptions, FUSED_OPERANDS, Field, Frame, Fused, Item, Local, Pending,
};
use crate::build::info::FREE;
use crate::build::{Refusal, Work};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{
    Block, Cond, Field as Raw, HelperId, IntOp, Kind, Op, Rep, Target, Term, Type, Value,
};
use martlet_snapshot::{Object, Returned, VirtualKind};
use std::ops::Range;

/// Items that are gone over before anybody polls.
const MAX_ITEMS: i64 = 10_000;
/// `co_flags` of generators.
const CO_GENERATOR: u32 = 0x20;
/// SET_FUNCTION_ATTRIBUTE's argument for a closure.
const CLOSURE: u32 = 8;

/// Where a generator expression is fused.
pub(in crate::build) struct FusedSite {
    /// The frames outside of it, while its body is built.
    outer: Vec<Frame>,
    /// Where it goes on behind it, with the result.
    done: Block,
}

impl Consumer {
    /// Representation and kind of the result.
    fn result(self) -> (Rep, Kind) {
        match self {
            Self::Any | Self::All => (Rep::I1, Kind::BOOL),
            Self::Sum | Self::Min | Self::Max => (Rep::I64, Kind::INT),
            Self::Set => (Rep::Obj, Kind::SET),
            Self::Tuple => (Rep::Obj, Kind::TUPLE),
        }
    }

    fn of(object: &Object) -> Option<Self> {
        let (is_function, name) = match object {
            Object::Builtin { module, name } if module == "builtins" => (true, name),
            Object::Type {
                name,
                builtin: true,
            } => (false, name),
            _ => return None,
        };
        Some(match (is_function, name.as_str()) {
            (true, "any") => Self::Any,
            (true, "all") => Self::All,
            (true, "sum") => Self::Sum,
            (true, "min") => Self::Min,
            (true, "max") => Self::Max,
            (false, "set") => Self::Set,
            (false, "tuple") => Self::Tuple,
            _ => return None,
        })
    }
}

impl Builder<'_> {
    /// MAKE_FUNCTION: that of a generator expression which may be fused is not made.
    pub(super) fn make_function(&mut self, instr: &Instr) -> Result {
        let code = self.pop()?;
        if self.expression_of(&code).is_some() && !self.is_inlined() {
            let fields = [code, Item::Null].map(Field::Item);
            self.push(Item::Virtual(VirtualKind::Function, fields.to_vec()));
            return Ok(Flow::Next);
        }
        self.generic_of(instr, &[code], HelperId::MakeFunction)
    }

    /// SET_FUNCTION_ATTRIBUTE: a function that was not made keeps its closure.
    pub(super) fn set_function_attribute(&mut self, instr: &Instr) -> Result {
        let function = self.pop()?;
        let attribute = self.pop()?;
        if let (Item::Virtual(VirtualKind::Function, fields), CLOSURE) = (&function, instr.arg) {
            let fields = vec![fields[0].clone(), Field::Item(attribute)];
            self.push(Item::Virtual(VirtualKind::Function, fields));
            return Ok(Flow::Next);
        }
        let (function, attribute) = (self.obj(&function)?, self.obj(&attribute)?);
        let which = self.number(instr.arg);
        let args = vec![function, attribute, which];
        self.call_helper(HelperId::SetFunctionAttribute, args);
        self.push_value(function);
        Ok(Flow::Next)
    }

    /// Makes a function that was not made.
    pub(in crate::build) fn made_function(
        &mut self,
        fields: &[Field],
    ) -> std::result::Result<Value, Refusal> {
        let [Field::Item(code), Field::Item(closure)] = fields else {
            return Err(Refusal::new("shape", "not a function"));
        };
        let code = self.obj(code)?;
        let closure = match closure {
            Item::Null => None,
            closure => Some(self.obj(closure)?),
        };
        let function = self
            .call_helper(HelperId::MakeFunction, vec![code])
            .expect("a function");
        if let Some(closure) = closure {
            let which = self.number(CLOSURE);
            let args = vec![function, closure, which];
            self.call_helper(HelperId::SetFunctionAttribute, args);
        }
        Ok(function)
    }

    /// The FOR_ITER of the generator expression that a call starts, and whose function stands so far from the top of the
    /// stack, not made.
    pub(super) fn fused_loop(&self, call: &Instr, function: usize) -> Option<&Instr> {
        let item = self.frame().stack.iter().rev().nth(function)?;
        let (Item::Virtual(VirtualKind::Function, fields), Opcode::Call, 0) =
            (item, call.opcode, call.arg)
        else {
            return None;
        };
        let (index, body) = match &fields[0] {
            Field::Item(code) => self.expression_of(code)?,
            Field::Raw(_) => return None,
        };
        Some(&self.infos[index].code.insts[body.start])
    }

    /// The call that starts a generator expression: if what follows consumes it, the consumer's result is pushed by a
    /// loop; none if it is not known to be so.
    pub(super) fn fused(&mut self, instr: &Instr) -> std::result::Result<Option<Flow>, Refusal> {
        let infos = self.infos.clone();
        let code = &infos[self.frame().code].code;
        let stack = &self.frame().stack;
        let Some([Item::Val(consumer), Item::Null, function, iterator]) =
            stack.last_chunk::<FUSED_OPERANDS>()
        else {
            return Ok(None);
        };
        let (Item::Virtual(VirtualKind::Function, fields), Item::Virtual(kind, parts)) =
            (function.clone(), iterator.clone())
        else {
            return Ok(None);
        };
        let known = self.func.ty(*consumer).object;
        let consumer = known.and_then(|id| Consumer::of(self.object(id)?));
        let next = code.at(instr.end);
        let next = next.filter(|it| it.opcode == Opcode::Call && it.arg == 1);
        let [Field::Item(made_of), Field::Item(closure)] = &fields[..] else {
            return Ok(None);
        };
        let cells = match closure {
            Item::Null => &[][..],
            Item::Virtual(VirtualKind::Tuple, cells) => cells,
            _ => return Ok(None),
        };
        let (Some(consumer), Some(next), Some((index, body)), Some(length)) = (
            consumer,
            next,
            self.expression_of(made_of),
            self.length_of(kind, &parts),
        ) else {
            return Ok(None);
        };
        if self.is_inlined() || self.failures() > 0 || self.is_join(instr.end) {
            return Ok(None);
        }
        let kinds = &self.request.codes[index].local_kinds;
        if kinds.iter().filter(|kind| **kind & FREE != 0).count() != cells.len() {
            return Ok(None);
        }
        self.guard_int(length, Cond::Le, MAX_ITEMS);
        let iterator = Item::Virtual(kind, parts);
        let stack = self.begin_result(consumer)?;
        let n_locals = self.request.codes[index].n_locals as usize;
        let mut locals = vec![Item::Null; n_locals - cells.len()];
        locals.extend(cells.iter().filter_map(|it| match it {
            Field::Item(cell) => Some(cell.clone()),
            Field::Raw(_) => None,
        }));
        let done = self.go_on_behind(next, consumer)?;
        self.frame_mut().call = Some(Pending {
            offset: instr.offset,
            return_to: next.end,
            returned: Returned::Pushed,
        });
        let site = self.fused.len();
        let outer = self.frames.clone();
        self.fused.push(FusedSite { outer, done });
        self.frames.push(Frame {
            code: index,
            function: None,
            locals: locals.into_iter().map(Local::Inlined).collect(),
            stack: stack.into_iter().chain([iterator]).collect(),
            call: None,
            sees_globals: true,
            head: None,
            fused: Some(Fused { consumer, site }),
            exceptions: Exceptions::default(),
        });
        self.jump(infos[index].code.insts[body.start].start)?;
        Ok(Some(Flow::Ended))
    }

    /// The block that goes on behind the consumer's call, with its result.
    fn go_on_behind(
        &mut self,
        call: &Instr,
        consumer: Consumer,
    ) -> std::result::Result<Block, Refusal> {
        let done = self.func.add_block(self.offset);
        let (rep, kind) = consumer.result();
        let result = self.func.add_param(done, rep, Type::of(kind));
        let frames = self.frames.clone();
        self.pop_n(FUSED_OPERANDS as u32)?;
        self.push_value(result);
        self.work.push(Work {
            block: done,
            frames: std::mem::replace(&mut self.frames, frames),
            offset: call.end,
            classes: self.classes.clone(),
            plain: false,
            caught: false,
            goes_there: true,
        });
        Ok(done)
    }

    /// In the body of a fused expression, the frames outside of it are what they were in front of it: nothing that was
    /// found out of them holds for all blocks.
    pub(in crate::build) fn keep_outer_frames(&mut self) {
        let fused = self.frames.iter().find_map(|it| it.fused);
        if let Some(Fused { site, .. }) = fused {
            let outer = self.fused[site].outer.clone();
            self.frames.splice(..outer.len(), outer);
        }
    }

    /// How many items an iterator that was not made gives at most.
    fn length_of(&mut self, kind: VirtualKind, parts: &[Field]) -> Option<Value> {
        let field = match (kind, parts) {
            (VirtualKind::RangeIter, [_, Field::Raw(length), _]) => return Some(*length),
            (VirtualKind::ListIter, _) => Raw::ListLen,
            (VirtualKind::TupleIter, _) => Raw::TupleLen,
            _ => return None,
        };
        let [Field::Item(Item::Val(sequence)), _] = parts else {
            return None;
        };
        Some(self.emit(Op::Load(field), vec![*sequence], Type::of(Kind::INT)))
    }

    /// What the result is made of at the start: items for the bottom of the body's stack.
    fn begin_result(&mut self, consumer: Consumer) -> std::result::Result<Vec<Item>, Refusal> {
        let object = |b: &mut Self, helper| b.call_helper(helper, vec![]).expect("an object");
        let values = match consumer {
            Consumer::Any | Consumer::All => vec![],
            Consumer::Sum => vec![self.int(0)],
            // The number, and whether there is one.
            Consumer::Min => vec![self.int(i64::MAX), self.int(0)],
            Consumer::Max => vec![self.int(i64::MIN), self.int(0)],
            Consumer::Set => vec![object(self, HelperId::NewSet)],
            Consumer::Tuple => vec![object(self, HelperId::BuildList)],
        };
        Ok(values.into_iter().map(Item::Val).collect())
    }

    /// The part of the result at this place of the body's stack.
    fn part(&self, place: usize) -> std::result::Result<Value, Refusal> {
        match self.frame().stack.get(place) {
            Some(Item::Val(value)) => Ok(*value),
            _ => Err(Refusal::new("shape", "a result that is no value")),
        }
    }

    /// The body yields an item: it goes into the result, or ends the loop.
    pub(super) fn consume(&mut self, instr: &Instr, consumer: Consumer) -> Result {
        let item = self.pop()?;
        match consumer {
            Consumer::Any | Consumer::All => {
                let mut bit = self.truth_without_running(&item, instr)?;
                if consumer == Consumer::All {
                    bit = self.emit(Op::Not, vec![bit], Type::of(Kind::BOOL));
                }
                let goes_on = self.branch_on(bit, None);
                let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
                let found = consumer == Consumer::Any;
                let found = self.emit(Op::Bool(found), vec![], Type::of(Kind::BOOL));
                self.end_fused(found)?;
                self.frames = frames;
                self.boxes = boxes;
                self.block = goes_on;
            }
            Consumer::Sum | Consumer::Min | Consumer::Max => {
                let Some(raw) = self.yielded_int(&item, consumer == Consumer::Sum) else {
                    self.exit("type");
                    return Ok(Flow::Ended);
                };
                let operands = vec![self.part(0)?, raw];
                let ty = Type::of(Kind::INT);
                let sum = match consumer {
                    Consumer::Min => self.helper(HelperId::IntMin, operands),
                    Consumer::Max => self.helper(HelperId::IntMax, operands),
                    _ => self
                        .emit_exiting(Op::IntBin(IntOp::Add), operands, ty)
                        .expect("a sum"),
                };
                self.frame_mut().stack[0] = Item::Val(sum);
                if consumer != Consumer::Sum {
                    let is_there = self.int(1);
                    self.frame_mut().stack[1] = Item::Val(is_there);
                }
            }
            Consumer::Set => {
                let args = vec![self.part(0)?, self.obj(&item)?];
                self.release(args[1]);
                let done = self.tried(HelperId::QuickSetAdd, args);
                self.guard(done, true);
            }
            Consumer::Tuple => {
                let args = vec![self.part(0)?, self.obj(&item)?];
                self.call_helper(HelperId::ListAppend, args);
            }
        }
        let sent = self.helper(HelperId::LoadNone, vec![]);
        self.push_value(sent);
        Ok(Flow::Next)
    }

    /// An item as a raw int, or with `bools` a bool as one.
    fn yielded_int(&mut self, item: &Item, bools: bool) -> Option<Value> {
        let Item::Val(value) = *item else { return None };
        match self.kinds(item) {
            Kind::BOOL if bools => Some(self.raw_int(value, Kind::BOOL)),
            kinds if kinds.contains(Kind::INT) => Some(self.unboxed(value, Kind::INT)),
            _ => None,
        }
    }

    /// The body has come to its end, and so has its iterator.
    pub(super) fn finish_fused(&mut self, consumer: Consumer) -> Result {
        let result = match consumer {
            Consumer::Any | Consumer::All => {
                let found = consumer == Consumer::All;
                self.emit(Op::Bool(found), vec![], Type::of(Kind::BOOL))
            }
            Consumer::Sum | Consumer::Set => self.part(0)?,
            Consumer::Min | Consumer::Max => {
                let is_there = self.part(1)?;
                self.guard_int(is_there, Cond::Ne, 0);
                self.part(0)?
            }
            Consumer::Tuple => {
                let list = self.part(0)?;
                self.call_helper(HelperId::TupleOfList, vec![list])
                    .expect("a tuple")
            }
        };
        self.end_fused(result)?;
        Ok(Flow::Ended)
    }

    /// Leaves the body with the consumer's result.
    fn end_fused(&mut self, result: Value) -> std::result::Result<(), Refusal> {
        let body = self.frames.pop().expect("an inlined frame");
        let Some(Fused { site, .. }) = body.fused else {
            return Err(Refusal::new("shape", "not a fused expression"));
        };
        let locals = body.locals.into_iter().filter_map(|local| match local {
            Local::Inlined(held) => Some(held),
            _ => None,
        });
        let held = locals.chain(body.stack);
        let mut released: Vec<Item> = held.chain(self.pop_n(FUSED_OPERANDS as u32)?).collect();
        released.retain(|it| *it != Item::Val(result));
        self.release_all(&released);
        self.end(Term::Jump(Target {
            block: self.fused[site].done,
            args: vec![result],
        }));
        Ok(())
    }

    /// The index of a generator expression's code, and its loop with what belongs to that, if it may be fused: it goes over
    /// its argument once and only looks.
    fn expression_of(&self, code: &Item) -> Option<(usize, Range<usize>)> {
        let Item::Val(code) = code else { return None };
        let Some(Op::Const(id)) = self.func.def_op(*code) else {
            return None;
        };
        let Some(Object::Code(Some(index))) = self.object(*id) else {
            return None;
        };
        let index = *index as usize;
        let snapshot = &self.request.codes[index];
        let body = self.body_of_expression(index)?;
        let is_known = snapshot.flags & CO_GENERATOR != 0
            && !self.avoid.keys().any(|it| it.0 as usize == index)
            && self
                .size_of(index, body.clone(), INLINE_DEPTH - 2, true)
                .is_some();
        is_known.then_some((index, body))
    }

    /// The instructions of a generator expression from its FOR_ITER to its end, if that is all that it does.
    fn body_of_expression(&self, index: usize) -> Option<Range<usize>> {
        let insts = &self.infos[index].code.insts;
        let start = insts.iter().position(|it| it.opcode == Opcode::ForIter)?;
        let head = &insts[..start];
        let is_head = head.iter().all(|it| match it.opcode {
            Opcode::LoadFast => it.arg == 0,
            opcode => matches!(
                opcode,
                Opcode::CopyFreeVars | Opcode::ReturnGenerator | Opcode::PopTop | Opcode::Resume
            ),
        });
        let end = start + insts[start..].iter().position(ends_expression)? + 1;
        let range = insts[start].start..insts[end - 1].end;
        let stays = |it: &Instr| it.jump_target().is_none_or(|to| range.contains(&to));
        (is_head && insts[start..end].iter().all(stays)).then_some(start..end)
    }

    /// Whether the frame at hand is, or was called by, a fused expression, in which nothing may be changed.
    pub(super) fn only_looks(&self) -> bool {
        self.frames.iter().any(|it| it.fused.is_some())
    }
}

fn ends_expression(instr: &Instr) -> bool {
    matches!(instr.opcode, Opcode::ReturnConst | Opcode::ReturnValue)
}

/// Whether an instruction changes nothing that anybody sees, and is done without running any code.
pub(super) fn may_look(instr: &Instr) -> bool {
    use Opcode::*;
    matches!(
        instr.opcode,
        Nop | Resume
            | LoadFast
            | LoadFastLoadFast
            | LoadFastCheck
            | StoreFast
            | StoreFastLoadFast
            | StoreFastStoreFast
            | LoadConst
            | LoadDeref
            | LoadGlobal
            | LoadAttr
            | PopTop
            | PushNull
            | Copy
            | Swap
            | BinaryOp
            | BinarySubscr
            | UnaryNegative
            | UnaryInvert
            | UnaryNot
            | CompareOp
            | ContainsOp
            | IsOp
            | ToBool
            | BuildTuple
            | UnpackSequence
            | Call
            | ForIter
            | EndFor
            | JumpForward
            | JumpBackward
            | PopJumpIfFalse
            | PopJumpIfTrue
            | PopJumpIfNone
            | PopJumpIfNotNone
            | YieldValue
            | ReturnValue
            | ReturnConst
    )
}
