//! Jumps, returns, and the poll at back edges.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Item, Local};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{HelperId, Kind, Op, Rep, Target, Term, Type};
use martlet_snapshot::{EntryPoint, Returned};

impl Builder<'_> {
    pub(super) fn control(&mut self, instr: &Instr) -> Result {
        let target = instr.jump_target();
        match (instr.opcode, target) {
            (Opcode::JumpForward | Opcode::JumpBackwardNoInterrupt, Some(target)) => {
                self.leave(target)?;
                Ok(Flow::Ended)
            }
            (Opcode::JumpBackward, Some(target)) => {
                if !self.is_inlined() {
                    self.forget_exceptions(instr.start);
                    self.poll();
                }
                self.leave(target)?;
                Ok(Flow::Ended)
            }
            (Opcode::ReturnValue, _) => {
                let item = self.pop()?;
                self.return_item(&item)
            }
            (Opcode::ReturnConst, _) => {
                let item = self.const_item(instr.arg)?;
                self.return_item(&item)
            }
            (_, Some(target)) => self.branch(instr, target),
            _ => Err(Refusal::new("bytecode", "a jump without target")),
        }
    }

    fn branch(&mut self, instr: &Instr, target: u32) -> Result {
        let item = self.pop()?;
        // An object that is not None is released by the bytecode.
        let mut released = None;
        let (bit, jump_if) = match instr.opcode {
            Opcode::PopJumpIfTrue => (self.bit(&item)?, true),
            Opcode::PopJumpIfFalse => (self.bit(&item)?, false),
            opcode => {
                let bit = match &item {
                    Item::Val(value) if self.func.rep(*value) == Rep::Obj => {
                        let value = *value;
                        released = Some(value);
                        self.emit(Op::IsKind(Kind::NONE), vec![value], Type::of(Kind::BOOL))
                    }
                    _ => self.emit(Op::Bool(false), vec![], Type::of(Kind::BOOL)),
                };
                (bit, opcode == Opcode::PopJumpIfNone)
            }
        };
        let jumped = self.func.add_block(self.offset);
        let next = self.func.add_block(self.offset);
        let to = |block| Target {
            block,
            args: vec![],
        };
        let (then, other) = if jump_if {
            (jumped, next)
        } else {
            (next, jumped)
        };
        self.end(Term::Branch {
            cond: bit,
            then: to(then),
            other: to(other),
            likely: None,
        });
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        self.block = jumped;
        if let Some(value) = released.filter(|_| instr.opcode == Opcode::PopJumpIfNotNone) {
            self.drop_item(&Item::Val(value), target)?;
        }
        self.leave(target)?;
        self.frames = frames;
        self.boxes = boxes;
        self.block = next;
        if let Some(value) = released.filter(|_| instr.opcode == Opcode::PopJumpIfNone) {
            self.drop_item(&Item::Val(value), instr.end)?;
        }
        Ok(Flow::Next)
    }

    /// At a back edge, or where a function starts: sees to signals, other threads, pending calls.
    pub(super) fn poll(&mut self) {
        self.emit_exiting(Op::Poll, vec![], Type::ANY);
        self.forget_cached();
    }

    fn return_item(&mut self, item: &Item) -> Result {
        if self.is_inlined() {
            return self.return_inlined(item);
        }
        if matches!(self.request.entry, EntryPoint::Loop(_)) {
            // The interpreter returns from its own frame.
            self.frames.clone_from(&self.before.clone());
            self.exit("return");
            return Ok(Flow::Ended);
        }
        let value = self.obj(item)?;
        self.end(Term::Return(value));
        Ok(Flow::Ended)
    }

    /// The caller goes on behind its call.
    fn return_inlined(&mut self, item: &Item) -> Result {
        let depth = self.frames.len() - 2;
        let returned = self.frames[depth].call.map(|it| it.returned);
        let is_object = matches!(item, Item::Val(value) if self.func.rep(*value) == Rep::Obj);
        if returned == Some(Returned::Initialised) && !is_object {
            // A number is not None.
            self.frames.clone_from(&self.before.clone());
            self.exit("type");
            return Ok(Flow::Ended);
        }
        if let Item::Val(value) = item {
            match returned {
                Some(Returned::Initialised) => {
                    self.guard_kind(*value, Kind::NONE);
                }
                Some(Returned::Operated) if self.may_be_not_implemented(*value) => {
                    let refused = self.helper(HelperId::IsNotImplemented, vec![*value]);
                    self.guard(refused, false);
                }
                _ => {}
            }
        }
        let callee = self.frames.pop().expect("an inlined frame");
        let call = self.frame_mut().call.take().expect("a call is under way");
        let n_operands = match call.returned {
            Returned::Operated => 2,
            Returned::Dropped => 3,
            _ => 0,
        };
        let locals = callee.locals.into_iter().filter_map(|local| match local {
            Local::Inlined(held) => Some(held),
            _ => None,
        });
        let mut released: Vec<Item> = locals.chain(self.pop_n(n_operands)?).collect();
        released.retain(|it| it != item);
        if call.returned == Returned::Dropped {
            released.push(item.clone());
        }
        // What dies with the frame must not run code, for there is no frame.
        self.release_all(&released);
        if matches!(call.returned, Returned::Pushed | Returned::Operated) {
            self.push(item.clone());
        }
        Ok(Flow::Goto(call.return_to))
    }

    fn may_be_not_implemented(&self, value: crate::hir::Value) -> bool {
        let is_new = matches!(
            self.func.def_op(value),
            Some(Op::Call {
                helper: HelperId::NewInstance,
                ..
            })
        );
        self.func.rep(value) == Rep::Obj
            && self.func.ty(value).kinds.contains(Kind::OBJECT)
            && !is_new
    }
}
