//! Generators and coroutines: where they go on, how they are suspended, what they wait for.
//!
//! A version of their code is entered whenever one of them goes on, and begins by looking where. While it is suspended
//! everything stands in its frame as the interpreter would leave it, so who resumes it next may be either.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Frame, Item, Local};
use crate::build::info::{CELL, FREE, n_arguments};
use crate::bytecode::{Code, Instr, Opcode};
use crate::hir::{Block, Cond, HelperId, Kind, Op, Term, Type, Value};
use martlet_snapshot::EntryPoint;
use std::collections::{HashMap, HashSet};

/// The chain of tests that leads to where the frame goes on.
pub(in crate::build) struct Resumption {
    /// The end of the chain: a block that is not ended yet.
    end: Block,
    /// The offset at which the frame goes on.
    offset: Value,
    /// The offsets that are tested for.
    known: HashSet<u32>,
    /// That at which nothing has run yet.
    start: u32,
}

impl Builder<'_> {
    /// Sets up the entry block of code that is resumed, and the first place where it goes on: behind the instruction that
    /// made the generator.
    pub(in crate::build) fn enter_anywhere(&mut self) -> std::result::Result<(), Refusal> {
        let infos = self.infos.clone();
        let mut instrs = infos[0].code.insts.iter();
        let made = instrs.find(|it| it.opcode == Opcode::ReturnGenerator);
        let start = made
            .map(|it| it.end)
            .ok_or_else(|| Refusal::new("bytecode", "nothing makes the generator"))?;
        self.frames.push(self.resumed_frame(start));
        self.begin(start, start);
        let offset = self.helper(HelperId::ResumeOffset, vec![]);
        self.resumption = Some(Resumption {
            end: self.block,
            offset,
            known: HashSet::new(),
            start,
        });
        self.resume_at(start, 1)
    }

    /// The frame as it is found: everything is in memory, and at the start, but for cells, only arguments are there.
    fn resumed_frame(&self, offset: u32) -> Frame {
        let snapshot = &self.request.codes[0];
        let is_start = self
            .resumption
            .as_ref()
            .is_some_and(|it| it.start == offset);
        let arguments = n_arguments(snapshot);
        let locals = (0..snapshot.n_locals).map(|local| {
            let kind = snapshot.local_kinds.get(local as usize);
            let may_be_cell = kind.is_none_or(|kind| kind & (CELL | FREE) != 0);
            let kinds = match is_start && !may_be_cell {
                true if local < arguments => Kind::ANY,
                true => Kind::NULL,
                false => Kind::all(),
            };
            Local::Memory {
                ty: Type::of(kinds),
                cached: None,
            }
        });
        Frame::root(locals.collect())
    }

    /// Lets the frame go on at `offset` with `depth` items on its stack, the last of them what was sent. The current block
    /// has ended, unless it is the entry.
    fn resume_at(&mut self, offset: u32, depth: u32) -> std::result::Result<(), Refusal> {
        let Some(resumption) = &mut self.resumption else {
            return Err(Refusal::new("bytecode", "suspends what is not resumed"));
        };
        if !resumption.known.insert(offset) {
            return Ok(());
        }
        let found = resumption.offset;
        self.block = resumption.end;
        let wanted = self.int(i64::from(offset));
        let is_there = self.int_cmp(Cond::Eq, found, wanted);
        let elsewhere = self.branch_on(is_there, None);
        if let Some(resumption) = &mut self.resumption {
            resumption.end = elsewhere;
        }
        self.boxes.clear();
        self.stored.clear();
        self.frames = vec![self.resumed_frame(offset)];
        for item in 0..depth {
            let value = self.emit(Op::TakeStack(item), vec![], Type::of(Kind::all()));
            self.push_value(value);
        }
        self.jump(offset)
    }

    /// Ends the chain of tests: where else the frame may go on, there is no code.
    pub(in crate::build) fn end_resumption(&mut self) {
        if let Some(resumption) = self.resumption.take() {
            self.block = resumption.end;
            self.end(Term::Stay);
        }
    }

    /// Whether the loop with the header at `offset` suspends the frame, so that what it iterates over has to be made.
    pub(super) fn suspends_in_loop(&self, offset: u32) -> bool {
        let info = &self.infos[self.frame().code];
        self.request.entry == EntryPoint::Resume
            && !self.is_inlined()
            && info.body_of(offset).is_some_and(|body| {
                let mut inside = info.code.insts.iter().filter(|it| body.contains(&it.start));
                inside.any(|it| it.opcode == Opcode::YieldValue)
            })
    }

    pub(super) fn suspension(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::YieldValue if self.request.entry == EntryPoint::Resume => {
                self.yield_value(instr)
            }
            Opcode::Send => self.send(instr),
            Opcode::EndSend => {
                let (value, receiver) = (self.pop()?, self.pop()?);
                self.push(value);
                self.drop_item(&receiver, instr.end)?;
                Ok(Flow::Next)
            }
            Opcode::GetYieldFromIter => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                self.generic(instr, HelperId::GetYieldFromIter, vec![value])
            }
            Opcode::GetAwaitable => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                let place = self.number(instr.arg);
                self.generic(instr, HelperId::GetAwaitable, vec![value, place])
            }
            Opcode::GetAiter => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                self.generic(instr, HelperId::GetAiter, vec![value])
            }
            Opcode::GetAnext => {
                self.next_awaited(instr)?;
                let top = self.stack_index(1)?;
                let item = self.frame().stack[top].clone();
                let value = self.obj(&item)?;
                self.generic(instr, HelperId::GetAnext, vec![value])
            }
            Opcode::EndAsyncFor => self.end_async_for(instr),
            _ => self.untranslated(instr),
        }
    }

    /// Behind an asynchronous loop if the exception says that its iterator is exhausted; any other is raised again.
    fn end_async_for(&mut self, instr: &Instr) -> Result {
        if !self.may_call_out()? || self.is_raised_by_interpreter() {
            return Ok(Flow::Ended);
        }
        let top = self.stack_index(1)?;
        let exception = self.frame().stack[top].clone();
        let object = self.obj(&exception)?;
        self.before_run();
        let stops = self.helper(HelperId::IsAsyncStop, vec![object]);
        let failed = self.branch_on(stops, Some(true));
        let (frames, stopped) = (self.frames.clone(), self.block);
        self.block = failed;
        let lasti = self.number(self.offset);
        self.raise_again(object, lasti)?;
        self.frames = frames;
        self.block = stopped;
        let iterator = self.pop_n(2)?.swap_remove(0);
        self.drop_item(&iterator, instr.end)?;
        self.drop_item(&Item::Val(object), instr.end)?;
        Ok(Flow::Next)
    }

    /// Leaves everything in the frame and returns the value to whoever resumed it.
    fn yield_value(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        let value = self.obj(&item)?;
        let depth = self.frame().stack.len();
        for index in 0..depth {
            let item = self.frame().stack[index].clone();
            let value = self.obj(&item)?;
            self.frame_mut().stack[index] = Item::Val(value);
        }
        self.sync_locals();
        for index in 0..depth {
            if let Item::Val(value) = self.frame().stack[index] {
                self.emit_unit(Op::PutStack(index as u32), vec![value]);
            }
        }
        let args = [instr.end, depth as u32, instr.arg].map(|it| self.number(it));
        let op = Op::Call {
            helper: HelperId::Suspend,
            outputs: 0,
        };
        self.emit_unit(op, args.to_vec());
        self.end(Term::Return(value));
        self.resume_at(instr.end, depth as u32 + 1)?;
        Ok(Flow::Ended)
    }

    /// A call whose result is awaited at once, of a coroutine's function: in a block of its own the coroutine runs, without
    /// being made unless it is suspended. The items are the callable, what it is bound to or NULL, and the arguments; any
    /// other call is left to do.
    pub(super) fn call_awaited(
        &mut self,
        instr: &Instr,
        items: &mut [Item],
    ) -> std::result::Result<(), Refusal> {
        let infos = self.infos.clone();
        let code = &infos[self.frame().code].code;
        let awaits = code
            .at(instr.end)
            .filter(|it| it.opcode == Opcode::GetAwaitable);
        let Some((send, behind)) = awaits.and_then(|it| await_behind(code, it.end)) else {
            return Ok(());
        };
        if self.is_inlined() || self.request.entry != EntryPoint::Resume {
            return Ok(());
        }
        self.before_run();
        let mut args = Vec::new();
        for item in items.iter_mut() {
            let value = self.obj(item)?;
            *item = Item::Val(value);
            args.push(value);
        }
        let n = self.int(args.len() as i64 - 2);
        let may = self.helper(HelperId::CanAwaitCall, vec![args[0], args[1], n]);
        let other = self.branch_on(may, None);
        let here = self.here();
        let [yielded, returned, coroutine] = self.run_awaited(send, HelperId::CallAwaited, args);
        let has_ended = self.emit(Op::IsNull, vec![yielded], Type::of(Kind::BOOL));
        let goes_on = self.branch_on(has_ended, None);
        self.returns.insert((self.frame().code, send.end));
        self.returns.insert((self.frame().code, behind));
        let frames = self.frames.clone();
        self.push_value(returned);
        self.after_run(behind);
        self.leave(behind)?;
        self.frames = frames;
        self.block = goes_on;
        self.push_value(coroutine);
        self.push_value(yielded);
        self.after_run(send.end);
        self.leave(send.end)?;
        self.return_to(here, other);
        Ok(())
    }

    /// The next item of an asynchronous loop's iterator, awaited at once, of a generator: in a block of its own that goes on,
    /// and what it would be resumed by is made only if it waits itself. Any other iterator is left to ask.
    fn next_awaited(&mut self, instr: &Instr) -> std::result::Result<(), Refusal> {
        let infos = self.infos.clone();
        let code = &infos[self.frame().code].code;
        let Some((send, behind)) = await_behind(code, instr.end) else {
            return Ok(());
        };
        let handler = code.handler(send.offset);
        let end = handler.and_then(|it| code.at(it.target));
        let Some(end) = end.filter(|it| it.opcode == Opcode::EndAsyncFor) else {
            return Ok(());
        };
        if self.is_inlined() || self.request.entry != EntryPoint::Resume {
            return Ok(());
        }
        let top = self.stack_index(1)?;
        let item = self.frame().stack[top].clone();
        let iterator = self.obj(&item)?;
        self.frame_mut().stack[top] = Item::Val(iterator);
        let may = self.helper(HelperId::CanAwaitNext, vec![iterator]);
        let other = self.branch_on(may, None);
        let here = self.here();
        let [yielded, item, resumer] =
            self.run_awaited(send, HelperId::NextAwaited, vec![iterator]);
        let is_there = self.emit(Op::IsNull, vec![item], Type::of(Kind::BOOL));
        let found = self.branch_on(is_there, Some(false));
        let ended = self.emit(Op::IsNull, vec![yielded], Type::of(Kind::BOOL));
        let waits = self.branch_on(ended, None);
        let frames = self.frames.clone();
        for offset in [end.end, behind, send.end] {
            self.returns.insert((self.frame().code, offset));
        }
        self.pop()?;
        self.emit_unit(Op::Drop, vec![iterator]);
        self.after_run(end.end);
        self.leave(end.end)?;
        self.frames.clone_from(&frames);
        self.block = waits;
        self.push_value(resumer);
        self.push_value(yielded);
        self.after_run(send.end);
        self.leave(send.end)?;
        self.frames = frames;
        self.block = found;
        self.push_value(item);
        self.after_run(behind);
        self.leave(behind)?;
        self.return_to(here, other);
        Ok(())
    }

    /// Does in place of a SEND what gives three values.
    fn run_awaited(&mut self, send: &Instr, helper: HelperId, args: Vec<Value>) -> [Value; 3] {
        self.begin(send.start, send.offset);
        self.before_run();
        let op = Op::Call { helper, outputs: 3 };
        let all = self
            .emit_raising(op, args, Type::ANY)
            .expect("three values");
        [0, 1, 2].map(|k| self.emit(Op::Extract(k), vec![all], Type::of(Kind::all())))
    }

    /// What is known at the bytecode at hand.
    fn here(&self) -> Here {
        Here {
            at: (self.start, self.offset),
            frames: self.frames.clone(),
            before: self.before.clone(),
            boxes: self.boxes.clone(),
        }
    }

    /// Goes on in a block with what was known at a bytecode.
    fn return_to(&mut self, here: Here, block: Block) {
        self.block = block;
        (self.start, self.offset) = here.at;
        self.frames = here.frames;
        self.before = here.before;
        self.before_state = None;
        self.boxes = here.boxes;
    }

    /// Sends a value to what is waited for: goes on with what that yields, or at the target with what it returns.
    fn send(&mut self, instr: &Instr) -> Result {
        let target = instr
            .jump_target()
            .ok_or_else(|| Refusal::new("bytecode", "SEND without target"))?;
        let item = self.pop()?;
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let sent = self.obj(&item)?;
        let top = self.stack_index(1)?;
        let receiver = self.frame().stack[top].clone();
        let receiver = self.obj(&receiver)?;
        self.frame_mut().stack[top] = Item::Val(receiver);
        self.before_run();
        let op = Op::Call {
            helper: HelperId::Send,
            outputs: 2,
        };
        let both = self
            .emit_raising(op, vec![receiver, sent], Type::ANY)
            .expect("what was yielded and what was returned");
        let [yielded, returned] =
            [0, 1].map(|k| self.emit(Op::Extract(k), vec![both], Type::of(Kind::all())));
        let has_ended = self.emit(Op::IsNull, vec![yielded], Type::of(Kind::BOOL));
        let goes_on = self.branch_on(has_ended, None);
        // Who resumes it may have skipped it, and lets it go on where what it waits for has ended.
        self.returns.insert((self.frame().code, target));
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        let depth = frames[0].stack.len() as u32 + 1;
        self.push_value(returned);
        self.after_run(target);
        self.leave(target)?;
        if self.request.entry == EntryPoint::Resume {
            self.resume_at(target, depth)?;
            self.begin(instr.start, instr.offset);
        }
        self.frames = frames;
        self.boxes = boxes;
        self.block = goes_on;
        self.push_value(yielded);
        self.after_run(instr.end);
        Ok(Flow::Next)
    }
}

/// What is known at a bytecode.
struct Here {
    at: (u32, u32),
    frames: Vec<Frame>,
    before: Vec<Frame>,
    boxes: HashMap<Value, Value>,
}

/// The SEND of the `await` that begins at `offset`, with what is waited for on the stack, and the offset behind it.
fn await_behind(code: &Code, offset: u32) -> Option<(&Instr, u32)> {
    let loads = code.at(offset)?;
    let send = code.at(loads.end)?;
    let ends = code.at(send.jump_target()?)?;
    let is_await = loads.opcode == Opcode::LoadConst
        && send.opcode == Opcode::Send
        && ends.opcode == Opcode::EndSend;
    is_await.then_some((send, ends.end))
}
