//! Loops over iterables: ranges, lists, tuples and `enumerate` of them without an iterator object; the rest by protocol.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Field, Item, Local};
use crate::build::info::behind_loop;
use crate::bytecode::{Code, Instr, Opcode, Special};
use crate::hir::{Cond, Field as Raw, HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::VirtualKind;

impl Builder<'_> {
    pub(super) fn iteration(&mut self, instr: &Instr) -> Result {
        if instr.opcode == Opcode::GetIter {
            self.get_iter(instr)
        } else {
            self.for_iter(instr)
        }
    }

    fn get_iter(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        // What outlives a suspension is an object.
        let suspends = self.suspends_in_loop(instr.end);
        match &item {
            Item::Virtual(VirtualKind::RangeIter | VirtualKind::Enumerate, _) => {
                let item = match suspends {
                    true => Item::Val(self.obj(&item)?),
                    false => item,
                };
                self.push(item);
                return Ok(Flow::Next);
            }
            Item::Val(value)
                if self.func.rep(*value) == Rep::Obj && self.may_speculate() && !suspends =>
            {
                let kind = self.iterated_kind(&item, instr);
                if matches!(kind, Kind::LIST | Kind::TUPLE) {
                    let iterator = self.sequence_iterator(*value, kind);
                    self.push(iterator);
                    return Ok(Flow::Next);
                }
            }
            _ => {}
        }
        let value = self.obj(&item)?;
        // Where it was guessed in vain what is iterated over, its iterator is not guessed either.
        let guesses = self.failures() == 0;
        let flow = self.generic(instr, HelperId::GetIter, vec![value])?;
        if matches!(flow, Flow::Next) && !suspends && guesses {
            self.open_made_iterator(instr);
        }
        Ok(flow)
    }

    /// Behind GET_ITER: an iterator of the class that the loop has specialised to becomes raw state.
    fn open_made_iterator(&mut self, instr: &Instr) {
        let next = self.infos[self.frame().code].code.at(instr.end);
        let kind = match self.loop_behind(instr, 1) {
            Some(Special::ForIterRange) => Kind::RANGE_ITER,
            Some(Special::ForIterList) => Kind::LIST_ITER,
            Some(Special::ForIterTuple) => Kind::TUPLE_ITER,
            _ => return,
        };
        let seen = self.noted_at(next.map_or(0, |next| next.offset));
        if seen.is_some_and(|it| it.iter().any(|it| Kind::from_seen(*it) != kind)) {
            return;
        }
        let top = self.frame().stack.len() - 1;
        if let Item::Val(value) = self.frame().stack[top] {
            self.hint(value, kind);
            self.begin(instr.end, instr.end);
            self.open_iterator(top);
        }
    }

    /// What the loop has specialised to that GET_ITER makes an iterator for: the one behind it, or the generator
    /// expression's whose function stands so far from the top of the stack.
    fn loop_behind(&self, instr: &Instr, function: usize) -> Option<Special> {
        let next = self.infos[self.frame().code].code.at(instr.end)?;
        match next.opcode {
            Opcode::ForIter => next.special,
            _ => self.fused_loop(next, function)?.special,
        }
    }

    /// What kind of sequence is iterated over: known, or what the loop behind has specialised to.
    fn iterated_kind(&self, item: &Item, instr: &Instr) -> Kind {
        if self.kinds(item).is_single() {
            return self.kinds(item);
        }
        let kind = match self.loop_behind(instr, 0) {
            Some(Special::ForIterList) => Kind::LIST,
            Some(Special::ForIterTuple) => Kind::TUPLE,
            _ => self.likely_kinds(item),
        };
        match self.failures() > 0 || self.is_contradicted(instr, kind) {
            true => Kind::ANY,
            false => kind,
        }
    }

    /// An iterator over a list or tuple that is not made.
    pub(super) fn sequence_iterator(&mut self, value: Value, kind: Kind) -> Item {
        let sequence = self.guard_kind(value, kind);
        let zero = self.int(0);
        let kind = if kind == Kind::LIST {
            VirtualKind::ListIter
        } else {
            VirtualKind::TupleIter
        };
        Item::Virtual(
            kind,
            vec![Field::Item(Item::Val(sequence)), Field::Raw(zero)],
        )
    }

    /// An iterator object on the stack that nobody shares becomes raw state.
    pub(in crate::build) fn open_iterator(&mut self, index: usize) {
        let Item::Val(value) = self.frame().stack[index] else {
            return;
        };
        let kind = self.hints.get(&value).copied().unwrap_or(Kind::ANY);
        if !matches!(kind, Kind::RANGE_ITER | Kind::LIST_ITER | Kind::TUPLE_ITER)
            || !self.may_speculate()
        {
            return;
        }
        let int = Type::of(Kind::INT);
        let iterator = self
            .emit_exiting(Op::GuardKind(kind), vec![value], Type::of(kind))
            .expect("same reference");
        let unique = self.emit(Op::IsUnique, vec![iterator], Type::of(Kind::BOOL));
        self.guard(unique, true);
        let opened = if kind == Kind::RANGE_ITER {
            let fields = [Raw::RangeIterStart, Raw::RangeIterLen, Raw::RangeIterStep]
                .map(|field| Field::Raw(self.emit(Op::Load(field), vec![iterator], int)));
            Item::Virtual(VirtualKind::RangeIter, fields.to_vec())
        } else {
            let is_list = kind == Kind::LIST_ITER;
            let (op, field, kind, iter) = if is_list {
                (
                    Op::ListIterList,
                    Raw::ListIterIndex,
                    Kind::LIST,
                    VirtualKind::ListIter,
                )
            } else {
                (
                    Op::TupleIterTuple,
                    Raw::TupleIterIndex,
                    Kind::TUPLE,
                    VirtualKind::TupleIter,
                )
            };
            let sequence = self.emit(op, vec![iterator], Type::of(kind | Kind::NULL));
            let sequence = self
                .emit_exiting(Op::GuardNotNull, vec![sequence], Type::of(kind))
                .expect("same reference");
            let position = self.emit(Op::Load(field), vec![iterator], int);
            Item::Virtual(
                iter,
                vec![Field::Item(Item::Val(sequence)), Field::Raw(position)],
            )
        };
        self.frame_mut().stack[index] = opened;
        self.emit_unit(Op::Drop, vec![iterator]);
        // States from here on have the iterator's parts.
        let (start, offset) = (self.start, self.offset);
        self.begin(start, offset);
    }

    fn for_iter(&mut self, instr: &Instr) -> Result {
        let target = instr
            .jump_target()
            .ok_or_else(|| Refusal::new("bytecode", "FOR_ITER without target"))?;
        let infos = self.infos.clone();
        let behind = behind_loop(&infos[self.frame().code].code, target);
        let top = self.frame().stack.last().cloned();
        match top {
            Some(Item::Virtual(..)) => self.next_of_virtual(behind),
            Some(Item::Val(_)) => self.next_by_protocol(instr, behind),
            _ => Err(Refusal::new("bytecode", "value stack underflow")),
        }
    }

    /// Advances an iterator that was not made; the loop's body goes on with the item pushed.
    fn next_of_virtual(&mut self, behind: u32) -> Result {
        let iterator = self.pop()?;
        let more = self.has_next(&iterator)?;
        let done = self.branch_on(more, Some(true));
        let (frames, body) = (self.frames.clone(), self.block);
        let boxes = self.boxes.clone();
        self.block = done;
        if self.begins_a_nest() {
            // Else every combination of loops that ran and loops that did not would be a version of what follows.
            self.exit("empty_loop");
        } else {
            self.drop_item(&iterator, behind)?;
            self.leave(behind)?;
        }
        self.frames = frames;
        self.boxes = boxes;
        self.block = body;
        let (advanced, item) = self.advance(iterator)?;
        self.push(advanced);
        self.push(item);
        Ok(Flow::Next)
    }

    /// Whether the loop at hand is in its first iteration, as an unbound variable tells, in a function of several loops.
    fn begins_a_nest(&self) -> bool {
        let info = &self.infos[self.frame().code];
        let locals = &self.frame().locals;
        let is_unbound = |local: u32| matches!(&locals[local as usize], Local::Memory { ty, .. } if ty.kinds == Kind::NULL);
        info.loop_headers.len() > 1
            && self.may_speculate()
            && targets(&info.code, self.start).any(is_unbound)
    }

    /// Goes to another bytecode from a block that ends there.
    pub(super) fn leave(&mut self, offset: u32) -> std::result::Result<(), Refusal> {
        let (start, here) = (self.start, self.offset);
        let before = std::mem::take(&mut self.before);
        let state = self.before_state.take();
        self.jump(offset)?;
        self.start = start;
        self.offset = here;
        self.before = before;
        self.before_state = state;
        Ok(())
    }

    fn has_next(&mut self, iterator: &Item) -> std::result::Result<Value, Refusal> {
        let int = Type::of(Kind::INT);
        let Item::Virtual(kind, fields) = iterator else {
            unreachable!("only called for virtual iterators")
        };
        match (kind, &fields[..]) {
            (VirtualKind::RangeIter, [_, Field::Raw(length), _]) => {
                let zero = self.int(0);
                Ok(self.int_cmp(Cond::Gt, *length, zero))
            }
            (
                VirtualKind::ListIter | VirtualKind::TupleIter,
                [Field::Item(Item::Val(sequence)), Field::Raw(index)],
            ) => {
                let field = if *kind == VirtualKind::ListIter {
                    Raw::ListLen
                } else {
                    Raw::TupleLen
                };
                let length = self.emit(Op::Load(field), vec![*sequence], int);
                Ok(self.int_cmp(Cond::Lt, *index, length))
            }
            (VirtualKind::Enumerate, [_, Field::Item(inner)]) => self.has_next(&inner.clone()),
            _ => Err(Refusal::new("shape", "not an iterator")),
        }
    }

    /// The iterator behind its next item, and that item.
    fn advance(&mut self, iterator: Item) -> std::result::Result<(Item, Item), Refusal> {
        let int = Type::of(Kind::INT);
        let Item::Virtual(kind, mut fields) = iterator else {
            unreachable!("only called for virtual iterators")
        };
        let one = self.int(1);
        match (kind, &mut fields[..]) {
            (VirtualKind::RangeIter, [Field::Raw(start), Field::Raw(length), Field::Raw(step)]) => {
                let item = *start;
                let minus_one = self.int(-1);
                *start = self.emit(Op::IntAddWrapping, vec![item, *step], int);
                *length = self.emit(Op::IntAddWrapping, vec![*length, minus_one], int);
                Ok((Item::Virtual(kind, fields), Item::Val(item)))
            }
            (
                VirtualKind::ListIter | VirtualKind::TupleIter,
                [Field::Item(Item::Val(sequence)), Field::Raw(index)],
            ) => {
                let op = if kind == VirtualKind::ListIter {
                    Op::ListItem
                } else {
                    Op::TupleItem
                };
                let item = self.emit(op, vec![*sequence, *index], Type::ANY);
                *index = self.emit(Op::IntAddWrapping, vec![*index, one], int);
                Ok((Item::Virtual(kind, fields), Item::Val(item)))
            }
            (VirtualKind::Enumerate, [Field::Raw(count), Field::Item(inner)]) => {
                let (advanced, item) = self.advance(inner.clone())?;
                let pair = vec![Field::Item(Item::Val(*count)), Field::Item(item)];
                *count = self.emit(Op::IntAddWrapping, vec![*count, one], int);
                *inner = advanced;
                Ok((
                    Item::Virtual(kind, fields),
                    Item::Virtual(VirtualKind::Tuple, pair),
                ))
            }
            _ => Err(Refusal::new("shape", "not an iterator")),
        }
    }

    fn next_by_protocol(&mut self, instr: &Instr, behind: u32) -> Result {
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let top = self.frame().stack.len() - 1;
        let Item::Val(iterator) = self.frame().stack[top] else {
            unreachable!("just matched")
        };
        match instr.special {
            Some(Special::ForIterList | Special::ForIterTuple | Special::ForIterRange) => {
                self.next_of_builtin(instr, behind, iterator)
            }
            _ => self.next_generally(instr, behind, iterator),
        }
    }

    /// The next item of what is probably an iterator that runs no code as long as it has one.
    fn next_of_builtin(&mut self, instr: &Instr, behind: u32, iterator: Value) -> Result {
        let op = Op::Call {
            helper: HelperId::QuickNext,
            outputs: 0,
        };
        let found = self.emit(op, vec![iterator], Type::of(Kind::all()));
        let none = self.emit(Op::IsNull, vec![found], Type::of(Kind::BOOL));
        let next = self.func.add_block(self.offset);
        let item = self.func.add_param(next, Rep::Obj, Type::of(Kind::all()));
        let to_next = |item| {
            Term::Jump(Target {
                block: next,
                args: vec![item],
            })
        };
        let there = self.branch_on(none, Some(false));
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        self.sync_frame();
        self.next_generally(instr, behind, iterator)?;
        if let Item::Val(item) = self.pop()? {
            self.end(to_next(item));
        }
        // The frame's memory is at least as fresh as where the item was there.
        self.frames = frames;
        self.boxes = boxes;
        self.block = there;
        self.end(to_next(found));
        self.forget_cached();
        self.block = next;
        if instr.special == Some(Special::ForIterRange) {
            self.hint(item, Kind::INT);
        }
        self.push_value(item);
        Ok(Flow::Next)
    }

    fn next_generally(&mut self, instr: &Instr, behind: u32, iterator: Value) -> Result {
        self.before_run();
        let helper = match instr.special {
            Some(Special::ForIterGen) => HelperId::GeneratorNext,
            _ => HelperId::IterNext,
        };
        let op = Op::Call { helper, outputs: 0 };
        let item = self.emit(op, vec![iterator], Type::of(Kind::all()));
        let none = self.emit(Op::IsNull, vec![item], Type::of(Kind::BOOL));
        let [ended, body, done] = [(); 3].map(|()| self.func.add_block(self.offset));
        let to = |block| Target {
            block,
            args: vec![],
        };
        self.end(Term::Branch {
            cond: none,
            then: to(ended),
            other: to(body),
            likely: Some(false),
        });
        let state = self.make_state(&self.frames.clone(), self.offset);
        let raised = self.raised_block(state, true);
        self.block = ended;
        let stopped = self.helper(HelperId::IterStopped, vec![]);
        self.end(Term::Branch {
            cond: stopped,
            then: to(done),
            other: to(raised),
            likely: Some(true),
        });
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        self.block = done;
        self.pop()?;
        self.emit_unit(Op::Drop, vec![iterator]);
        self.after_run(behind);
        self.leave(behind)?;
        self.frames = frames;
        self.boxes = boxes;
        self.block = body;
        // Not NULL here, but that must not become a guard: its exit would take the item away.
        self.push_value(item);
        self.after_run(instr.end);
        Ok(Flow::Next)
    }
}

/// The variables that the FOR_ITER at `offset` gives its item to, or what the item is unpacked into.
fn targets(code: &Code, offset: u32) -> impl Iterator<Item = u32> {
    let behind = code.index_at(offset).map_or(code.insts.len(), |k| k + 1);
    code.insts[behind..]
        .iter()
        .map_while(|instr| match instr.opcode {
            Opcode::UnpackSequence => Some([None, None]),
            Opcode::StoreFast => Some([Some(instr.arg), None]),
            Opcode::StoreFastStoreFast => Some([Some(instr.arg >> 4), Some(instr.arg & 15)]),
            _ => None,
        })
        .flatten()
        .flatten()
}
