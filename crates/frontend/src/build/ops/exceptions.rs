//! Exceptions that are handled in the function that raises them, and what handlers are made of.
//!
//! Where an instruction of the root frame has a handler that has run, an exception goes on there in machine code. Its
//! traceback then has the frame, and who is given the exception may write to the frame's variables. So while the frame is
//! *observed*, variables stand in its memory and nothing is known of them from one bytecode to the next, and only the
//! version's assumptions are tested behind what runs. Where the last exception has been handled, the frame's object has
//! gone with it, mostly; where it has not, the version is left.

use super::{Builder, Flow, Result};
use crate::build::frame::{Item, Local};
use crate::build::{Refusal, Work};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{Block, HelperId, Kind, Op, Raised, StateId, Target, Term, Type};
use martlet_snapshot::EntryPoint;

impl Builder<'_> {
    pub(super) fn exception(&mut self, instr: &Instr) -> Result {
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        match instr.opcode {
            Opcode::RaiseVarargs if instr.arg == 0 => self.raise_handled(),
            Opcode::RaiseVarargs => self.raise(instr),
            Opcode::Reraise => self.reraise(instr),
            Opcode::PushExcInfo => {
                let exception = self.pop()?;
                let object = self.obj(&exception)?;
                let previous = self.helper(HelperId::PushExcInfo, vec![object]);
                self.push_value(previous);
                self.push_value(object);
                Ok(Flow::Next)
            }
            Opcode::PopExcept => {
                let previous = self.pop()?;
                let previous = self.obj(&previous)?;
                self.call_helper(HelperId::PopExcept, vec![previous]);
                let depth = self.frame().stack.len();
                self.forget_handled(depth);
                self.after_run(instr.end);
                Ok(Flow::Next)
            }
            Opcode::CheckExcMatch => {
                let class = self.pop()?;
                let exception = self.top()?;
                let operands = vec![self.obj(&exception)?, self.obj(&class)?];
                let bit = self.call_helper(HelperId::ExcMatch, operands);
                self.push_value(bit.expect("a bit"));
                self.drop_item(&class, instr.end)?;
                Ok(Flow::Next)
            }
            _ => {
                let exception = self.top()?;
                let depth = self.frame().stack.len();
                let exit = depth
                    .checked_sub(4)
                    .map(|it| self.frame().stack[it].clone());
                let exit = exit.ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))?;
                let operands = vec![self.obj(&exit)?, self.obj(&exception)?];
                self.generic(instr, HelperId::WithExceptStart, operands)
            }
        }
    }

    fn top(&self) -> std::result::Result<Item, Refusal> {
        let top = self.frame().stack.last().cloned();
        top.ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))
    }

    fn raise(&mut self, instr: &Instr) -> Result {
        if instr.arg > 2 {
            return Err(Refusal::new("bytecode", "RAISE_VARARGS of more than two"));
        }
        let items = self.pop_n(instr.arg)?;
        let mut args = Vec::new();
        for item in &items {
            args.push(self.obj(item)?);
        }
        while args.len() < 2 {
            let null = self.null();
            args.push(null);
        }
        self.call_helper(HelperId::Raise, args);
        self.leave_raised(Raised::Here)
    }

    /// `raise` without an exception: once more what is being handled, or a RuntimeError.
    fn raise_handled(&mut self) -> Result {
        if self.is_raised_by_interpreter() {
            return Ok(Flow::Ended);
        }
        self.before_run();
        let is_again = self.helper(HelperId::Reraise, vec![]);
        let [again, here] = [(); 2].map(|()| self.func.add_block(self.offset));
        let to = |block| Target {
            block,
            args: vec![],
        };
        self.end(Term::Branch {
            cond: is_again,
            then: to(again),
            other: to(here),
            likely: Some(true),
        });
        let frames = self.frames.clone();
        self.block = again;
        self.leave_raised(Raised::Again)?;
        self.frames = frames;
        self.block = here;
        self.leave_raised(Raised::Here)
    }

    fn reraise(&mut self, instr: &Instr) -> Result {
        if self.is_raised_by_interpreter() {
            return Ok(Flow::Ended);
        }
        let exception = self.top()?;
        let object = self.obj(&exception)?;
        self.before_run();
        let mut lasti = self.int(i64::from(self.offset));
        if instr.arg > 0 {
            let below = self.frame().stack.len().checked_sub(instr.arg as usize + 1);
            let Some(Item::Val(item)) = below.map(|it| self.frame().stack[it].clone()) else {
                return Err(Refusal::new("bytecode", "RERAISE without an offset"));
            };
            lasti = self.unboxed(item, Kind::INT);
            self.helper_unit(HelperId::SetLasti, vec![lasti]);
        }
        match self.way_of_exception(true, true) {
            None => self.go_to_handler(Item::Val(object), Item::Val(lasti))?,
            Some(_) => {
                self.helper_unit(HelperId::RaiseAgain, vec![object]);
                let state = self.make_state(&self.frames.clone(), self.offset);
                self.end(Term::Raise {
                    state,
                    raised: Raised::Again,
                });
            }
        }
        Ok(Flow::Ended)
    }

    fn helper_unit(&mut self, helper: HelperId, args: Vec<crate::hir::Value>) {
        self.emit_unit(Op::Call { helper, outputs: 0 }, args);
    }

    /// The interpreter, which called a loop version at its header, adds its frame to the traceback of what that does not
    /// handle. What has it already is left to the interpreter altogether.
    fn is_raised_by_interpreter(&mut self) -> bool {
        let in_loop = matches!(self.request.entry, EntryPoint::Loop(_));
        let leaves = in_loop && self.infos[0].code.handler(self.offset).is_none();
        if leaves {
            self.exit(Raised::Again.reason());
        }
        leaves
    }

    /// Ends the block behind an instruction that has set an exception.
    fn leave_raised(&mut self, raised: Raised) -> Result {
        match self.way_of_exception(true, true) {
            None => self.catch(raised)?,
            Some(way) => {
                let raised = match raised {
                    Raised::Again => raised,
                    _ => way,
                };
                let state = self.make_state(&self.frames.clone(), self.offset);
                self.end(Term::Raise { state, raised });
            }
        }
        Ok(Flow::Ended)
    }

    /// The block in which an exception of the current bytecode goes its way; `runs` says whether it comes from an
    /// operation that may run Python code.
    pub(in crate::build) fn raised_block(&mut self, state: StateId, runs: bool) -> Block {
        let block = self.func.add_block(self.offset);
        self.func.blocks[block].cold = true;
        match self.way_of_exception(runs, false) {
            None => self.catching.push(Work {
                block,
                frames: self.frames.clone(),
                offset: self.offset,
                plain: false,
                caught: true,
            }),
            Some(raised) => self.func.blocks[block].term = Term::Raise { state, raised },
        }
        block
    }

    /// How an exception leaves that the current bytecode raises; none: it is handled here. `raises` says whether raising
    /// is what the bytecode is for.
    fn way_of_exception(&mut self, runs: bool, raises: bool) -> Option<Raised> {
        let is_dirty = |local: &Local| matches!(local, Local::Raw { synced: false, .. });
        if !runs || self.is_inlined() || self.frame().locals.iter().any(is_dirty) {
            return Some(Raised::Here);
        }
        let Some(handler) = self.infos[0].handler(self.offset).copied() else {
            return Some(Raised::Here);
        };
        if !self.drops_one_by_one(handler.depth as usize) {
            return Some(Raised::Here);
        }
        if !self.infos[0].is_written(handler.target) {
            return (!raises).then_some(Raised::Here);
        }
        let has_run = self.request.mode.generic_unknown || self.infos[0].has_run(handler.target);
        (!has_run).then_some(Raised::Uncaught)
    }

    /// Whether no item above this depth of the stack is an object that was not made and whose death may be seen in parts.
    fn drops_one_by_one(&mut self, depth: usize) -> bool {
        if depth > self.frame().stack.len() {
            return false;
        }
        let dropped = self.frame_mut().stack.split_off(depth);
        let is_single = |item: &Item| {
            let mut values = Vec::new();
            self.released_by(item, &mut values);
            values.len() < 2
        };
        let are_single = dropped.iter().all(is_single);
        self.frame_mut().stack.extend(dropped);
        are_single
    }

    /// Catches what the bytecode at `offset` has raised.
    pub(in crate::build) fn catch_at(&mut self, offset: u32) -> std::result::Result<(), Refusal> {
        self.begin(offset, offset);
        self.catch(Raised::Here)
    }

    /// Catches the exception that is set and goes on in its handler.
    fn catch(&mut self, raised: Raised) -> std::result::Result<(), Refusal> {
        let helper = match raised {
            Raised::Again => HelperId::TakeRaised,
            _ => HelperId::Catch,
        };
        let exception = self.helper(helper, vec![]);
        let lasti = self.int(i64::from(self.offset));
        self.go_to_handler(Item::Val(exception), Item::Val(lasti))
    }

    /// Goes on in the handler of the current bytecode with an exception in hand.
    fn go_to_handler(&mut self, exception: Item, lasti: Item) -> std::result::Result<(), Refusal> {
        let handler = self.infos[0].handler(self.offset).copied();
        let handler = handler.ok_or_else(|| Refusal::new("bytecode", "no handler"))?;
        let depth = handler.depth as usize;
        self.show_floats();
        let dropped = self.frame_mut().stack.split_off(depth);
        if handler.lasti {
            self.push(lasti);
        }
        self.forget_handled(depth);
        let place = self.frame().stack.len() as u32;
        let exceptions = &mut self.frame_mut().exceptions;
        exceptions.observed = true;
        exceptions.handled.push(place);
        self.push(exception);
        self.forget_observed();
        for item in dropped.iter().rev() {
            let mut values = Vec::new();
            self.released_by(item, &mut values);
            for value in values {
                self.emit_unit(Op::Drop, vec![value]);
            }
        }
        self.after_run(handler.target);
        self.jump_to_join(handler.target)
    }

    /// Exceptions that stood on the stack at this depth or above are not being handled any more.
    fn forget_handled(&mut self, depth: usize) {
        let exceptions = &mut self.frame_mut().exceptions;
        exceptions.handled.retain(|it| (*it as usize) < depth);
    }

    /// Behind a handler, where it goes on at `offset`: the frame is not observed any more, or the version is left.
    pub(in crate::build) fn forget_exceptions(&mut self, offset: u32) {
        if self.is_inlined() || !self.frame().exceptions.observed {
            return;
        }
        let depth = self.frame().stack.len();
        self.forget_handled(depth);
        if self.frame().exceptions.handled.is_empty() {
            self.frame_mut().exceptions.observed = false;
            self.helper_unit(HelperId::FrameForget, vec![]);
            self.after_run(offset);
        }
    }

    /// While the frame is observed, nothing is known of its variables at the start of a bytecode but whether they may be
    /// unbound: that stays as the compiler has it.
    pub(in crate::build) fn forget_observed(&mut self) {
        if !self.frames[0].exceptions.observed {
            return;
        }
        for local in &mut self.frames[0].locals {
            let kinds = match local {
                Local::Memory { ty, .. } if ty.kinds == Kind::CELL => Kind::CELL,
                Local::Memory { ty, .. } if ty.kinds.contains(Kind::NULL) => Kind::all(),
                _ => Kind::ANY,
            };
            *local = Local::Memory {
                ty: Type::of(kinds),
                cached: None,
            };
        }
    }
}
