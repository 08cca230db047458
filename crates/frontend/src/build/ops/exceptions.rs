//! Exceptions that are handled in the function that raises them, and what handlers are made of.
//!
//! Where an instruction of the root frame has a handler that has run, an exception goes on there in machine code. Its
//! traceback then has the frame, and who is given the exception may write to the frame's variables. So while the frame is
//! *observed*, variables stand in its memory and nothing is known of them from one bytecode to the next, and only the
//! version's assumptions are tested behind what runs. Where the last exception has been handled, the frame's object has
//! gone with it, mostly; where it has not, the version is left. So it is where somebody listens to what becomes of exceptions:
//! they are told of it where frames are left.
//!
//! What no handler of the function is there for leaves the frame in machine code, too.

use super::{Builder, Flow, Result};
use crate::build::frame::{Item, Local, raw_kind};
use crate::build::{Refusal, Work};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{Block, HelperId, Kind, Op, Raised, StateId, Term, Type, Value};
use martlet_snapshot::EntryPoint;
use std::collections::HashMap;

/// Where an exception goes.
enum Way {
    /// To a handler, in machine code.
    ToHandler,
    /// To the caller, in machine code.
    ToCaller,
    /// To the interpreter, which finds its way.
    Out(Raised),
}

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
            Opcode::CheckEgMatch => {
                let items = self.pop_n(2)?;
                let operands = vec![self.obj(&items[0])?, self.obj(&items[1])?];
                self.unpack_by(instr, HelperId::EgMatch, operands, 2)
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
        let here = self.branch_on(is_again, Some(true));
        let frames = self.frames.clone();
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
        self.raise_again(object, lasti)?;
        Ok(Flow::Ended)
    }

    /// Ends the block with an exception that was raised at `lasti` before.
    pub(super) fn raise_again(
        &mut self,
        exception: Value,
        lasti: Value,
    ) -> std::result::Result<(), Refusal> {
        let way = self.way_of_exception(true, true);
        if matches!(way, Way::ToHandler) {
            return self.go_to_handler(Item::Val(exception), Item::Val(lasti));
        }
        self.helper_unit(HelperId::RaiseAgain, vec![exception]);
        self.take_way(way, Raised::Again)
    }

    fn helper_unit(&mut self, helper: HelperId, args: Vec<Value>) {
        self.emit_unit(Op::Call { helper, outputs: 0 }, args);
    }

    /// The interpreter, which called a loop version at its header, adds its frame to the traceback of what that does not
    /// handle. What has it already is left to the interpreter altogether.
    pub(super) fn is_raised_by_interpreter(&mut self) -> bool {
        let in_loop = matches!(self.request.entry, EntryPoint::Loop(_));
        let leaves = in_loop && self.infos[0].code.handler(self.offset).is_none();
        if leaves {
            self.exit(Raised::Again.reason());
        }
        leaves
    }

    /// Ends the block behind an instruction that has set an exception.
    fn leave_raised(&mut self, raised: Raised) -> Result {
        let way = self.way_of_exception(true, true);
        self.take_way(way, raised)?;
        Ok(Flow::Ended)
    }

    fn take_way(&mut self, way: Way, raised: Raised) -> std::result::Result<(), Refusal> {
        match way {
            Way::ToHandler => self.catch(raised)?,
            Way::ToCaller => self.unwind(raised),
            Way::Out(found) => {
                let raised = match raised {
                    Raised::Again => raised,
                    _ => found,
                };
                let state = self.make_state(&self.frames.clone(), self.offset);
                self.end(Term::Raise { state, raised });
            }
        }
        Ok(())
    }

    /// The block in which an exception of the current bytecode goes its way; `runs` says whether it comes from an
    /// operation that may run Python code.
    pub(in crate::build) fn raised_block(&mut self, state: StateId, runs: bool) -> Block {
        let block = self.func.add_block(self.offset);
        self.func.blocks[block].cold = true;
        match self.way_of_exception(runs, false) {
            Way::ToHandler => self.catching.push(Work {
                block,
                frames: self.frames.clone(),
                offset: self.offset,
                classes: HashMap::new(),
                plain: false,
                caught: true,
                goes_there: false,
            }),
            Way::ToCaller => {
                let here = std::mem::replace(&mut self.block, block);
                self.unwind(Raised::Here);
                self.block = here;
            }
            Way::Out(raised) => self.func.blocks[block].term = Term::Raise { state, raised },
        }
        block
    }

    /// How an exception leaves that the current bytecode raises. `raises` says whether raising is what the bytecode is
    /// for.
    fn way_of_exception(&mut self, runs: bool, raises: bool) -> Way {
        let is_dirty = |local: &Local| matches!(local, Local::Raw { synced: false, .. });
        let out = Way::Out(Raised::Here);
        if !runs || self.is_inlined() || self.frame().locals.iter().any(is_dirty) {
            return out;
        }
        if self.infos[0].code.handler(self.offset).is_none() {
            // Of a loop version the interpreter unwinds the frame.
            let is_whole = !matches!(self.request.entry, EntryPoint::Loop(_));
            return match is_whole && self.drops_one_by_one(0) {
                true => Way::ToCaller,
                false => out,
            };
        }
        let Some(handler) = self.infos[0].handler(self.offset).copied() else {
            return out;
        };
        if !self.drops_one_by_one(handler.depth as usize) {
            return out;
        }
        if !self.infos[0].is_written(handler.target) {
            return if raises { Way::ToHandler } else { out };
        }
        match self.request.mode.generic_unknown || self.infos[0].has_run(handler.target) {
            true => Way::ToHandler,
            false => Way::Out(Raised::Uncaught),
        }
    }

    /// Leaves the frame with the exception that is set.
    fn unwind(&mut self, raised: Raised) {
        if raised != Raised::Again {
            self.helper_unit(HelperId::Traceback, vec![]);
        }
        let stack = std::mem::take(&mut self.frame_mut().stack);
        self.drop_all(&stack);
        self.frame_mut().stack = stack;
        let null = self.null();
        self.end(Term::Return(null));
    }

    /// Lets go of items that are off the stack, the topmost first.
    fn drop_all(&mut self, items: &[Item]) {
        for item in items.iter().rev() {
            let mut values = Vec::new();
            self.released_by(item, &mut values);
            for value in values {
                self.emit_unit(Op::Drop, vec![value]);
            }
        }
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
            _ => {
                self.leave_if_watched(None);
                HelperId::Catch
            }
        };
        let exception = self.helper(helper, vec![]);
        let lasti = self.int(i64::from(self.offset));
        self.go_to_handler(Item::Val(exception), Item::Val(lasti))
    }

    /// Somebody may have come to listen to what becomes of exceptions: the version is left with the one that is set, or with
    /// this one, which was set before.
    fn leave_if_watched(&mut self, caught: Option<Value>) {
        let watched = self.helper(HelperId::ExceptionsWatched, vec![]);
        let unseen = self.branch_on(watched, Some(false));
        if let Some(exception) = caught {
            self.helper_unit(HelperId::RaiseAgain, vec![exception]);
        }
        let raised = caught.map_or(Raised::Here, |_| Raised::Again);
        let state = self.make_state(&self.frames.clone(), self.offset);
        self.end(Term::Raise { state, raised });
        self.block = unseen;
    }

    /// Goes on in the handler of the current bytecode with an exception in hand.
    fn go_to_handler(&mut self, exception: Item, lasti: Item) -> std::result::Result<(), Refusal> {
        let handler = self.infos[0].handler(self.offset).copied();
        let handler = handler.ok_or_else(|| Refusal::new("bytecode", "no handler"))?;
        let depth = handler.depth as usize;
        self.show_floats();
        let dropped = self.frame_mut().stack.split_off(depth);
        if !dropped.is_empty() {
            self.drop_all(&dropped);
            let exception = self.obj(&exception)?;
            self.leave_if_watched(Some(exception));
        }
        if handler.lasti {
            self.push(lasti);
        }
        self.forget_handled(depth);
        for (kinds, local) in self.expected.iter_mut().zip(&self.frames[0].locals) {
            *kinds |= match local {
                Local::Raw { value, .. } => raw_kind(self.func.rep(*value)),
                Local::Memory { ty, .. } => ty.kinds,
                Local::Inlined(_) => Kind::all(),
            };
        }
        let place = self.frame().stack.len() as u32;
        let exceptions = &mut self.frame_mut().exceptions;
        exceptions.observed = true;
        exceptions.handled.push(place);
        self.push(exception);
        self.forget_observed();
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
            self.expect_as_before();
        }
    }

    /// Locals probably hold what they held before the exception: what follows is not built once more for them.
    fn expect_as_before(&mut self) {
        if !self.may_speculate() || self.infos[0].identity_matters {
            return;
        }
        for local in 0..self.expected.len() {
            let kind = self.expected[local];
            match kind {
                Kind::INT | Kind::FLOAT => self.unbox_local(local as u32, kind),
                Kind::LIST | Kind::TUPLE => {
                    let value = self.load_memory(local as u32);
                    self.guard_kind(value, kind);
                }
                _ => {}
            }
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
