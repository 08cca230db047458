//! What each bytecode does to the abstract frames: a file a family.
//!
//! Semantics follow `Python/bytecodes.c` of CPython 3.13. A bytecode without a fast form calls the helper that does
//! what the interpreter does; one that is not translated exits in front of itself, counted under its name.

mod arithmetic;
mod attributes;
mod buffers;
mod calls;
mod classes;
mod compare;
mod control;
mod displays;
mod exceptions;
mod fusion;
mod inlining;
mod items;
mod iteration;
mod locals;
mod mixed;
mod names;
mod notes;
mod places;
mod quick;
mod resumption;

use super::{Builder, Flow, Refusal};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{HelperId, Op, Type, Value};
use martlet_snapshot::EntryPoint;

pub(super) use fusion::FusedSite;
pub(super) use places::Place;
pub(super) use resumption::Resumption;

type Result = std::result::Result<Flow, Refusal>;

/// Interprets one bytecode.
pub(super) fn instruction(b: &mut Builder<'_>, instr: &Instr) -> Result {
    use Opcode::*;
    if instr.never_ran && b.prunes() {
        b.exit("never_ran");
        return Ok(Flow::Ended);
    }
    if let Some(fused) = b.frame().fused {
        match instr.opcode {
            YieldValue => return b.consume(instr, fused.consumer),
            ReturnConst | ReturnValue => return b.finish_fused(fused.consumer),
            _ => {}
        }
    }
    if b.only_looks() && !fusion::may_look(instr) {
        b.exit("inlined");
        return Ok(Flow::Ended);
    }
    b.expect_what_was_noted(instr);
    match instr.opcode {
        Nop | Resume | EndFor => b.nothing(instr),
        LoadFast | LoadFastCheck | LoadFastLoadFast | LoadFastAndClear | StoreFast
        | StoreFastLoadFast | StoreFastStoreFast | DeleteFast | LoadConst | PopTop | PushNull
        | Copy | Swap | MakeCell | CopyFreeVars | LoadDeref | StoreDeref | DeleteDeref => {
            b.local_access(instr)
        }
        BinaryOp | UnaryNegative | UnaryInvert => b.arithmetic(instr),
        CompareOp | IsOp | ContainsOp | ToBool | UnaryNot => b.comparison(instr),
        BinarySubscr | StoreSubscr | DeleteSubscr | BinarySlice | StoreSlice => b.subscript(instr),
        LoadGlobal
        | StoreGlobal
        | DeleteGlobal
        | LoadName
        | StoreName
        | DeleteName
        | LoadLocals
        | LoadFromDictOrGlobals
        | LoadFromDictOrDeref
        | LoadBuildClass
        | LoadAssertionError
        | ImportName
        | ImportFrom => b.name_access(instr),
        LoadAttr | StoreAttr | DeleteAttr | LoadSuperAttr => b.attribute(instr),
        Call | CallKw | CallFunctionEx | MakeFunction | SetFunctionAttribute | CallIntrinsic1
        | CallIntrinsic2 => b.calling(instr),
        BuildList | BuildTuple | BuildSet | BuildMap | BuildConstKeyMap | BuildString
        | BuildSlice | ListAppend | ListExtend | SetAdd | SetUpdate | MapAdd | DictUpdate
        | DictMerge | UnpackSequence | UnpackEx | FormatSimple | FormatWithSpec | ConvertValue
        | GetLen | MatchSequence | MatchMapping | MatchKeys | MatchClass => b.display(instr),
        BeforeWith | BeforeAsyncWith => b.before_with(instr),
        GetIter | ForIter => b.iteration(instr),
        YieldValue | Send | EndSend | GetYieldFromIter | GetAwaitable | GetAiter | GetAnext
        | EndAsyncFor => b.suspension(instr),
        JumpForward
        | JumpBackward
        | JumpBackwardNoInterrupt
        | PopJumpIfFalse
        | PopJumpIfTrue
        | PopJumpIfNone
        | PopJumpIfNotNone
        | ReturnValue
        | ReturnConst => b.control(instr),
        RaiseVarargs | Reraise | PushExcInfo | PopExcept | CheckExcMatch | CheckEgMatch
        | WithExceptStart => b.exception(instr),
        _ => b.untranslated(instr),
    }
}

impl Builder<'_> {
    fn nothing(&mut self, instr: &Instr) -> Result {
        // RESUME at a function's start polls, as a loop does. Who resumes a frame has done so.
        let polls = instr.opcode == Opcode::Resume && instr.arg & 3 == 0;
        if polls && !self.is_inlined() && self.request.entry != EntryPoint::Resume {
            self.poll();
        }
        Ok(Flow::Next)
    }

    /// Whether what never ran is left out: not of a loop that was entered the first time it ran.
    fn prunes(&self) -> bool {
        let is_loop = matches!(self.request.entry, EntryPoint::Loop(_));
        (!is_loop || self.is_inlined())
            && !self.request.mode.generic_unknown
            && self.frame().head.is_none()
    }

    /// Exits: the interpreter does it.
    fn untranslated(&mut self, instr: &Instr) -> Result {
        self.exit(instr.opcode.name());
        Ok(Flow::Ended)
    }

    /// Whether Python code may run here: not in an inlined frame, which nobody could see. Otherwise ends the block:
    /// a head is left for the call, anything else exits.
    fn may_call_out(&mut self) -> std::result::Result<bool, Refusal> {
        if self.left_head()? {
            return Ok(false);
        }
        if self.is_inlined() {
            self.frames.clone_from(&self.before.clone());
            self.exit("inlined");
            return Ok(false);
        }
        Ok(true)
    }

    /// In an inlined head, leaves it for the call. Whether it did.
    fn left_head(&mut self) -> std::result::Result<bool, Refusal> {
        let is_head = self.frame().head.is_some();
        if is_head {
            self.leave_head()?;
        }
        Ok(is_head)
    }

    /// Calls a helper that does the whole bytecode: operands are off the stack, the result is pushed.
    fn generic(&mut self, instr: &Instr, helper: HelperId, args: Vec<Value>) -> Result {
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        self.note_operands(instr);
        let result = self.call_helper(helper, args);
        if let Some(result) = result {
            self.push_value(result);
        }
        if helper.row().may_run {
            self.after_run(instr.end);
        }
        Ok(Flow::Next)
    }

    /// Calls a helper that may raise or run Python code.
    fn call_helper(&mut self, helper: HelperId, args: Vec<Value>) -> Option<Value> {
        let row = helper.row();
        if row.may_run {
            self.before_run();
        }
        let op = Op::Call { helper, outputs: 0 };
        if row.may_raise() {
            self.emit_raising(op, args, row.ty)
        } else if row.rep() == crate::hir::Rep::Unit {
            self.emit_unit(op, args);
            None
        } else {
            Some(self.emit(op, args, row.ty))
        }
    }

    /// A small constant for a helper.
    fn number(&mut self, value: u32) -> Value {
        self.int(i64::from(value))
    }

    /// NULL.
    fn null(&mut self) -> Value {
        self.emit(Op::Null, vec![], Type::of(crate::hir::Kind::NULL))
    }
}
