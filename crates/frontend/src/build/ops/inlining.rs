//! Calls of known Python functions: small leaf functions are inlined, of others the head up to an early return, and the
//! rest is called through its cell.

use super::calls::arrange;
use super::{Builder, Flow, Place};
use crate::build::Refusal;
use crate::build::frame::{Frame, Head, Item, Local, Pending};
use crate::bytecode::{CallKind, Code, Instr, Opcode, Special};
use crate::hir::{HelperId, Op, Type, Value};
use martlet_snapshot::{FunctionInfo, ObjId, Object, Site};

/// Code units of a function that is inlined.
const INLINE_UNITS: usize = 80;
/// Frames deep that functions are inlined.
const INLINE_DEPTH: usize = 3;
/// Instructions on the way from a function's start to an early return, where its head is inlined.
const HEAD_INSTRUCTIONS: usize = 12;

/// How a function stands in its caller.
enum Inlined {
    /// As a whole.
    Whole,
    /// Up to an early return.
    Head(Head),
    /// As a whole; it is the `__init__` of an object of this class, which is made for it.
    Initialiser(Value),
}

impl Builder<'_> {
    pub(super) fn python_function(
        &mut self,
        instr: &Instr,
        function: Value,
        info: &FunctionInfo,
        args: &[Item],
    ) -> Result<Option<Flow>, Refusal> {
        if let Some(code) = self.inlinable(info.code) {
            self.inline(instr, function, info.code, code, args, Inlined::Whole)?;
            return Ok(Some(Flow::Goto(0)));
        }
        if !info.direct {
            return Ok(None);
        }
        let call = Op::CallDirect {
            code: info.code,
            n_locals: info.n_locals,
            frame_size: info.frame_size,
        };
        let depth = self.frame().stack.len();
        let operands = &self.before[self.before.len() - 1].stack[depth..];
        // Two frames would hold an object that was not made.
        let are_made = !operands.iter().any(|it| matches!(it, Item::Virtual(..)));
        if are_made && let Some(code) = self.has_head(info.code) {
            let head = Head {
                call,
                args: args.to_vec(),
                operands: operands.to_vec(),
            };
            self.inline(instr, function, info.code, code, args, Inlined::Head(head))?;
            return Ok(Some(Flow::Goto(0)));
        }
        if !self.may_call_out()? {
            return Ok(Some(Flow::Ended));
        }
        self.call_directly(instr, call, function, args)?;
        Ok(Some(Flow::Next))
    }

    /// Calls through the callee's cell; the operands are off the stack, the result is pushed.
    fn call_directly(
        &mut self,
        instr: &Instr,
        call: Op,
        function: Value,
        args: &[Item],
    ) -> Result<(), Refusal> {
        // Raw locals among the arguments are boxed into their own memory first, and taken from there.
        self.before_run();
        let mut operands = vec![function];
        for arg in args {
            operands.push(self.obj(arg)?);
        }
        let result = self
            .emit_raising(call, operands, Type::ANY)
            .expect("a result");
        self.push_value(result);
        self.after_run(instr.end);
        Ok(())
    }

    /// A call of a class that makes its objects as `object` does, and whose `__init__` is a known function: allocates,
    /// then calls that. None where it is not known to be one.
    pub(super) fn instantiate(
        &mut self,
        instr: &Instr,
        class: &Item,
        args: &[Item],
        keywords: &[String],
    ) -> Result<Option<Flow>, Refusal> {
        let Some(Special::Call {
            kind: CallKind::AllocAndEnterInit,
            func_version: class_version,
        }) = instr.special
        else {
            return Ok(None);
        };
        let Some(Site::Callee(id)) = self.site(instr) else {
            return Ok(None);
        };
        let id = *id;
        let info = match self.object(id) {
            Some(Object::Function(info)) if info.simple && info.direct => info.clone(),
            _ => return Ok(None),
        };
        let Some(plan) = arrange(&info, args.len() + 1, keywords) else {
            return Ok(None);
        };
        let class = self.obj(class)?;
        let version = self.number(class_version);
        let same = self.helper(HelperId::IsClass, vec![class, version]);
        self.guard(same, true);
        let init = self.constant(id);
        let ty = self.func.ty(init);
        let init = self
            .emit_exiting(Op::GuardCode(info.code), vec![init], ty)
            .expect("the same reference");
        // The place of the object that is not made yet.
        let mut all = vec![Item::Null];
        all.extend(args.iter().cloned());
        let args = self.arranged(init, &info, &all, &plan);
        if let Some(code) = self.inlinable(info.code) {
            let how = Inlined::Initialiser(class);
            self.inline(instr, init, info.code, code, &args, how)?;
            return Ok(Some(Flow::Goto(0)));
        }
        if !self.may_call_out()? {
            return Ok(Some(Flow::Ended));
        }
        self.before_run();
        let mut operands = vec![init];
        for arg in &args[1..] {
            operands.push(self.obj(arg)?);
        }
        let instance = self
            .call_helper(HelperId::NewInstance, vec![class])
            .expect("an object");
        operands.insert(1, instance);
        let call = Op::CallDirect {
            code: info.code,
            n_locals: info.n_locals,
            frame_size: info.frame_size,
        };
        let result = self
            .emit_raising(call, operands, Type::ANY)
            .expect("a result");
        self.call_helper(HelperId::InitResult, vec![result]);
        self.push_value(instance);
        self.after_run(instr.end);
        Ok(Some(Flow::Next))
    }

    /// The index of a code object whose body may stand in its caller's: small, and nothing in it can be observed.
    fn inlinable(&self, code: ObjId) -> Option<usize> {
        let Some(Object::Code(Some(index))) = self.object(code) else {
            return None;
        };
        let snapshot = &self.request.codes[*index as usize];
        let is_leaf = self.is_leaf(*index as usize, INLINE_DEPTH - 1);
        let recursive = self
            .frames
            .iter()
            .any(|frame| frame.code == *index as usize);
        (is_leaf
            && !recursive
            && self.frames.len() < INLINE_DEPTH
            && snapshot.code.len() / 2 <= INLINE_UNITS
            && !self.avoid_codes.contains(index))
        .then_some(*index as usize)
    }

    /// Whether nothing in a code object can be observed: what it calls is inlined in turn, so many calls deep.
    fn is_leaf(&self, index: usize, depth: usize) -> bool {
        let instrs = &self.infos[index].code.insts;
        instrs
            .iter()
            .all(|instr| may_be_in_leaf(instr) || self.is_inlinable_call(index, instr, depth))
    }

    /// Whether an instruction is a part of a call of a function that may be inlined.
    fn is_inlinable_call(&self, index: usize, instr: &Instr, depth: usize) -> bool {
        let sites = &self.request.codes[index].sites;
        let site = sites
            .binary_search_by_key(&instr.offset, |(offset, _)| *offset)
            .map(|at| &sites[at].1);
        match (instr.opcode, site) {
            (Opcode::PushNull, _) => true,
            (Opcode::LoadGlobal, Ok(Site::Global { .. })) => true,
            (Opcode::LoadAttr, Ok(Site::Descriptor(id))) => {
                instr.arg & 1 != 0 && self.is_leaf_function(*id, index, depth)
            }
            (Opcode::Call, Ok(Site::Callee(id))) => self.is_leaf_function(*id, index, depth),
            _ => false,
        }
    }

    fn is_leaf_function(&self, id: ObjId, caller: usize, depth: usize) -> bool {
        let Some(Object::Function(info)) = self.object(id) else {
            return false;
        };
        let Some(Object::Code(Some(index))) = self.object(info.code) else {
            return false;
        };
        let index = *index as usize;
        info.simple
            && depth > 1
            && index != caller
            && self.request.codes[index].code.len() / 2 <= INLINE_UNITS
            && self.is_leaf(index, depth - 1)
    }

    /// The index of a code object that may return early, before it does anything that must be seen.
    fn has_head(&self, code: ObjId) -> Option<usize> {
        let Some(Object::Code(Some(index))) = self.object(code) else {
            return None;
        };
        let info = &self.infos[*index as usize];
        (!self.is_inlined()
            && !self.avoid_codes.contains(index)
            && returns_early(&info.code, 0, HEAD_INSTRUCTIONS))
        .then_some(*index as usize)
    }

    /// Arguments that two frames may hold: an object that was not made is made.
    fn made(&mut self, args: &[Item]) -> Result<Vec<Item>, Refusal> {
        let made = args.iter().map(|arg| match arg {
            Item::Virtual(..) => Ok(Item::Val(self.obj(arg)?)),
            other => Ok(other.clone()),
        });
        made.collect()
    }

    fn inline(
        &mut self,
        instr: &Instr,
        function: Value,
        callee: ObjId,
        code: usize,
        args: &[Item],
        how: Inlined,
    ) -> Result<(), Refusal> {
        let is_head = matches!(how, Inlined::Head(_));
        let sees_globals = !is_head && reads_globals(&self.infos[code].code);
        if sees_globals {
            let same = self.helper(HelperId::SameGlobals, vec![function]);
            self.guard(same, true);
        }
        let mut args = self.made(args)?;
        let initialises = matches!(how, Inlined::Initialiser(_));
        if let Inlined::Initialiser(class) = how {
            self.release(class);
            // Nothing exits in front of the call any more: the object might have a finaliser.
            let instance = self
                .call_helper(HelperId::NewInstance, vec![class])
                .expect("an object");
            args[0] = Item::Val(instance);
            self.push_value(instance);
        }
        let mut locals = Vec::new();
        for (index, arg) in args.into_iter().enumerate() {
            // A float of which both frames may show the object is that object.
            let keeps = self.infos[code].kept[index];
            let arg = match arg {
                Item::Val(value) if keeps && self.keeping_local(value).is_some() => {
                    Item::Val(self.boxed(value))
                }
                arg => arg,
            };
            locals.push(Local::Inlined(arg));
        }
        locals.resize(
            self.request.codes[code].n_locals as usize,
            Local::Inlined(Item::Null),
        );
        if is_head {
            // Both ways through the callee go on there.
            self.returns.insert((self.frame().code, instr.end));
        }
        self.frame_mut().call = Some(Pending {
            offset: instr.offset,
            return_to: instr.end,
            initialises,
        });
        self.frames.push(Frame {
            code,
            function: Some(function),
            locals,
            stack: Vec::new(),
            sees_globals,
            call: None,
            head: match how {
                Inlined::Head(head) => Some(head),
                _ => None,
            },
        });
        if !self.func.inlined.contains(&callee) {
            self.func.inlined.push(callee);
        }
        Ok(())
    }

    /// Where an inlined head ends without having returned: nothing has happened yet, the function is called after all.
    pub(in crate::build) fn leave_head(&mut self) -> Result<(), Refusal> {
        let callee = self.frames.pop().expect("an inlined frame");
        let (Some(head), Some(function)) = (callee.head, callee.function) else {
            unreachable!("only called for heads");
        };
        let Pending {
            offset, return_to, ..
        } = self.frame_mut().call.take().expect("a call is under way");
        let infos = self.infos.clone();
        let instr = infos[self.frame().code]
            .code
            .at(offset)
            .ok_or_else(|| Refusal::new("bytecode", "a call at no instruction"))?;
        let depth = self.frame().stack.len();
        for operand in &head.operands {
            self.push(operand.clone());
        }
        self.begin(instr.start, instr.offset);
        self.frame_mut().stack.truncate(depth);
        self.call_directly(instr, head.call, function, &head.args)?;
        self.jump(return_to)
    }

    /// Whether the frame at hand is a head that does not go on at this instruction.
    pub(in crate::build) fn ends_head(&self, instr: &Instr) -> bool {
        self.frame().head.is_some() && !may_be_in_head(instr)
    }
}

/// Whether a code object reads globals.
fn reads_globals(code: &Code) -> bool {
    code.insts
        .iter()
        .any(|instr| instr.opcode == Opcode::LoadGlobal)
}

/// Whether some way from an instruction leads to a return, behind a branch, without leaving what a head may hold.
fn returns_early(code: &Code, from: usize, budget: usize) -> bool {
    let Some(instr) = code.insts.get(from) else {
        return false;
    };
    if budget == 0 || !may_be_in_head(instr) {
        return false;
    }
    if matches!(instr.opcode, Opcode::ReturnValue | Opcode::ReturnConst) {
        return true;
    }
    let jumped = instr
        .jump_target()
        .and_then(|target| code.index_at(target))
        .is_some_and(|target| target > from && returns_early(code, target, budget - 1));
    jumped || returns_early(code, from + 1, budget - 1)
}

/// Whether it loads an attribute from where an inline cache has found it: that runs no code.
fn reads_attribute(instr: &Instr) -> bool {
    matches!(
        instr.special,
        Some(
            Special::LoadAttrInstanceValue { .. }
                | Special::LoadAttrSlot { .. }
                | Special::LoadAttrWithHint { .. }
        )
    ) && instr.arg & 1 == 0
}

/// Whether the head of a function may have this: it changes nothing, not even the frame's locals.
fn may_be_in_head(instr: &Instr) -> bool {
    use Opcode::*;
    let known = matches!(
        instr.opcode,
        Nop | Resume
            | LoadFast
            | LoadFastLoadFast
            | LoadConst
            | Copy
            | Swap
            | BinaryOp
            | UnaryNegative
            | UnaryNot
            | CompareOp
            | ToBool
            | PopJumpIfFalse
            | PopJumpIfTrue
            | PopJumpIfNone
            | PopJumpIfNotNone
            | ReturnValue
            | ReturnConst
    );
    known || reads_attribute(instr)
}

/// Whether an inlined body may have this: nothing that looks at frames or must run Python code.
fn may_be_in_leaf(instr: &Instr) -> bool {
    use Opcode::*;
    let known = matches!(
        instr.opcode,
        LoadFastCheck
            | StoreFast
            | StoreFastLoadFast
            | StoreFastStoreFast
            | PopTop
            | UnaryInvert
            | JumpForward
            | BinarySubscr
            | BuildTuple
            | UnpackSequence
    );
    let writes_attribute = Place::of_store(instr).is_some();
    known || writes_attribute || may_be_in_head(instr)
}
