//! Calls of known Python functions: small leaf functions are inlined, of others the head up to an early return, and the
//! rest is called through its cell.

use super::calls::arrange;
use super::fusion::may_look;
use super::quick::{changes_its_object, is_table, is_understood};
use super::{Builder, Flow, Place};
use crate::build::Refusal;
use crate::build::frame::{Exceptions, Frame, Head, Item, Local, Pending};
use crate::bytecode::{CallKind, Code, Instr, Opcode, Special};
use crate::hir::{HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::{Effort, FunctionInfo, ObjId, Object, Returned, Seen, Site, VirtualKind};
use std::ops::Range;

/// Instructions of a function that is inlined where code is made as well as can be, and where it is made quickly.
const INLINE_INSTRUCTIONS: usize = 100;
const INLINE_INSTRUCTIONS_QUICKLY: usize = 60;
/// Bytecodes of a translation from which on nothing is inlined any more, beside what its own code grows by.
const MAX_INLINED: u32 = 600;
/// Frames deep that functions are inlined.
pub(super) const INLINE_DEPTH: usize = 4;
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
    /// As a whole; it is called for an assignment to an item, the operands of which stay on the caller's stack.
    Store([Item; 3]),
    /// As a whole; it is called for an operator on these items, which stay on the caller's stack.
    Operator([Item; 2]),
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
        let call = direct_call(info);
        let depth = self.frame().stack.len();
        let operands = &self.before[self.before.len() - 1].stack[depth..];
        // Two frames would hold an argument that was not made.
        let is_unmade =
            |it: &Item| matches!(it, Item::Virtual(kind, _) if *kind != VirtualKind::Method);
        let are_made = !operands.iter().any(is_unmade);
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

    /// Gets or sets an item by the Python function that the container's class has for it; none where it is not known to
    /// have one. The container comes first.
    pub(super) fn item_by_method(
        &mut self,
        instr: &Instr,
        args: &[Item],
    ) -> Result<Option<Flow>, Refusal> {
        let Some(Site::Method {
            type_version,
            function,
        }) = self.site(instr)
        else {
            return Ok(None);
        };
        let (type_version, id) = (*type_version, *function);
        let info = match self.object(id) {
            Some(Object::Function(info)) if info.simple => info.clone(),
            _ => return Ok(None),
        };
        let (Item::Val(container), true) = (&args[0], self.may_speculate()) else {
            return Ok(None);
        };
        if info.arg_count as usize != args.len() || self.func.rep(*container) != Rep::Obj {
            return Ok(None);
        }
        self.guard_class(*container, type_version);
        let function = self.guarded_function(id, &info);
        let is_store = instr.opcode == Opcode::StoreSubscr;
        if let Some(code) = self.inlinable(info.code) {
            let (args, operands) = match is_store {
                true => self.held_twice(args)?,
                false => (args.to_vec(), Vec::new()),
            };
            let how = match &operands[..] {
                [container, key, value] => {
                    Inlined::Store([value.clone(), container.clone(), key.clone()])
                }
                _ => Inlined::Whole,
            };
            self.inline(instr, function, info.code, code, &args, how)?;
            return Ok(Some(Flow::Goto(0)));
        }
        if !info.direct || is_store {
            return Ok(None);
        }
        if !self.may_call_out()? {
            return Ok(Some(Flow::Ended));
        }
        let call = direct_call(&info);
        self.call_directly(instr, call, function, args)?;
        Ok(Some(Flow::Next))
    }

    /// An operator that calls a Python function first; none where it is not known to.
    pub(super) fn operator_method(
        &mut self,
        instr: &Instr,
        left: &Item,
        right: &Item,
    ) -> Result<Option<Flow>, Refusal> {
        let Some(&Site::Operator {
            type_version,
            function: id,
            reflected,
            other,
        }) = self.site(instr)
        else {
            return Ok(None);
        };
        let info = match self.object(id) {
            Some(Object::Function(info)) if info.simple && info.arg_count == 2 => info.clone(),
            _ => return Ok(None),
        };
        let (owner, second) = if reflected {
            (right, left)
        } else {
            (left, right)
        };
        let (&Item::Val(object), &Item::Val(beside)) = (owner, second) else {
            return Ok(None);
        };
        let kind = self.likely_kinds(second);
        let is_number = matches!(kind, Kind::INT | Kind::FLOAT | Kind::BOOL | Kind::NONE);
        if !self.may_speculate() || self.func.rep(object) != Rep::Obj || (other == 0 && !is_number)
        {
            return Ok(None);
        }
        self.guard_class(object, type_version);
        if other == 0 {
            self.guard_kind(beside, kind);
        } else {
            self.guard_class(beside, other);
        }
        let function = self.guarded_function(id, &info);
        let args = [owner.clone(), second.clone()];
        if let Some(code) = self.inlinable(info.code) {
            let how = Inlined::Operator([left.clone(), right.clone()]);
            self.inline(instr, function, info.code, code, &args, how)?;
            return Ok(Some(Flow::Goto(0)));
        }
        if !info.direct {
            return Ok(None);
        }
        if !self.may_call_out()? {
            return Ok(Some(Flow::Ended));
        }
        self.before_run();
        let operands = [self.obj(left)?, self.obj(right)?];
        let mut all = vec![function];
        all.extend(operands);
        if reflected {
            all.swap(1, 2);
        }
        let result = self
            .emit_raising(direct_call(&info), all, Type::ANY)
            .expect("a result");
        self.finish_operator(instr, result, operands);
        Ok(Some(Flow::Next))
    }

    /// Behind the call of an operator's method: does what is left to do where that is not for its operands.
    fn finish_operator(&mut self, instr: &Instr, result: Value, operands: [Value; 2]) {
        let refused = self.helper(HelperId::IsNotImplemented, vec![result]);
        let next = self.func.add_block(self.offset);
        let rest = self.func.add_block(self.offset);
        let either = self.func.add_param(next, Rep::Obj, Type::ANY);
        self.func.blocks[rest].cold = true;
        self.end(Term::Branch {
            cond: refused,
            then: Target {
                block: rest,
                args: vec![],
            },
            other: Target {
                block: next,
                args: vec![result],
            },
            likely: Some(false),
        });
        self.block = rest;
        let number = self.number(instr.arg);
        let args = vec![operands[0], operands[1], number];
        let other = self
            .call_helper(HelperId::OperatorRest, args)
            .expect("a result");
        self.end(Term::Jump(Target {
            block: next,
            args: vec![other],
        }));
        self.block = next;
        self.push_value(either);
        self.after_run(instr.end);
    }

    /// Exits unless the object is of the class with this version.
    fn guard_class(&mut self, object: Value, type_version: u32) {
        let version = self.number(type_version);
        let same = self.helper(HelperId::HasClass, vec![object, version]);
        self.guard(same, true);
    }

    /// A function that a class has, with the code that is known.
    fn guarded_function(&mut self, id: ObjId, info: &FunctionInfo) -> Value {
        let function = self.constant(id);
        let ty = self.func.ty(function);
        self.emit_exiting(Op::GuardCode(info.code), vec![function], ty)
            .expect("the same reference")
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
        // The death of what is made here would be seen, and seen again where it is made once more.
        if self.only_looks() {
            self.exit("inlined");
            return Ok(Some(Flow::Ended));
        }
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
        let call = direct_call(&info);
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
        let size = self.infos[*index as usize].code.insts.len();
        let in_all = self.leaf_size(*index as usize, INLINE_DEPTH - 1, false)?;
        // Who has begun to inline goes on.
        let fits = self.is_inlined()
            || in_all <= MAX_INLINED as usize
                && self.func.bytecodes <= MAX_INLINED + 2 * self.affordable;
        let recursive = self
            .frames
            .iter()
            .any(|frame| frame.code == *index as usize);
        (fits
            && !recursive
            && self.frames.len() < INLINE_DEPTH
            && size <= self.inline_limit()
            && !self.avoid_codes.contains(index))
        .then_some(*index as usize)
    }

    /// Instructions of a function that may be inlined.
    fn inline_limit(&self) -> usize {
        match self.request.mode.effort {
            Effort::Quick => INLINE_INSTRUCTIONS_QUICKLY,
            _ => INLINE_INSTRUCTIONS,
        }
    }

    /// The instructions of a code object in which nothing can be observed, with those of what it calls, which is inlined in
    /// turn, so many calls deep; none of any other.
    fn leaf_size(&self, index: usize, depth: usize, only_looks: bool) -> Option<usize> {
        let all = 0..self.infos[index].code.insts.len();
        self.size_of(index, all, depth, only_looks)
    }

    /// The same of some of its instructions, with `only_looks` if nothing in them changes anything either.
    pub(super) fn size_of(
        &self,
        index: usize,
        part: Range<usize>,
        depth: usize,
        only_looks: bool,
    ) -> Option<usize> {
        let mut known = Vec::new();
        let mut size = 0;
        for instr in &self.infos[index].code.insts[part] {
            let callee = match instr.opcode {
                Opcode::Call => {
                    let callable = known.len().checked_sub(instr.arg as usize + 2);
                    let callable = callable.and_then(|it| known[it]);
                    self.callee_of(index, instr).or(callable)
                }
                Opcode::BinarySubscr | Opcode::StoreSubscr | Opcode::BinaryOp => {
                    match self.site_in(index, instr) {
                        Some(Site::Method { function, .. } | Site::Operator { function, .. }) => {
                            Some(*function)
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            let size_of = |it| self.leaf_callee_size(it, index, depth, only_looks);
            let called = callee.filter(|_| !(only_looks && makes(instr)));
            let called = called.and_then(size_of);
            let may_be = called.is_some()
                || match instr.opcode {
                    Opcode::Call => false,
                    Opcode::PushNull => true,
                    Opcode::LoadGlobal => self.loaded_by(index, instr).is_some(),
                    Opcode::LoadAttr if instr.arg & 1 != 0 => {
                        let method = self.loaded_by(index, instr);
                        method.and_then(size_of).is_some()
                    }
                    Opcode::BinaryOp => callee.is_none() && self.may_compute(index, instr),
                    Opcode::BinarySubscr | Opcode::StoreSubscr => {
                        callee.is_none() && self.knows_container(index, instr)
                    }
                    Opcode::ContainsOp => only_looks || self.knows_table(index, instr),
                    Opcode::LoadDeref
                    | Opcode::ForIter
                    | Opcode::EndFor
                    | Opcode::JumpBackward
                    | Opcode::YieldValue => only_looks,
                    _ => may_be_in_leaf(instr),
                }
                || (instr.never_ran && !self.request.mode.generic_unknown);
            if !may_be || only_looks && !may_look(instr) {
                return None;
            }
            size += 1 + called.unwrap_or(0);
            self.track_known(index, instr, &mut known);
        }
        Some(size)
    }

    /// Whether an operator may be one of numbers or texts: on other objects it would leave an inlined function each time.
    fn may_compute(&self, index: usize, instr: &Instr) -> bool {
        let noted = &self.request.codes[index].noted;
        let at = noted.binary_search_by_key(&instr.offset, |(offset, _)| *offset);
        let is_other = |it: &Seen| *it == Seen::Other;
        instr.special.is_some() || !at.is_ok_and(|at| noted[at].1.iter().any(is_other))
    }

    /// Whether it is known what an instruction gets or sets an item of: what is done in the general way would leave an
    /// inlined function each time.
    fn knows_container(&self, index: usize, instr: &Instr) -> bool {
        let noted = &self.request.codes[index].noted;
        let at = noted.binary_search_by_key(&instr.offset, |(offset, _)| *offset);
        let container = at.ok().and_then(|at| noted[at].1.get(1));
        let is_known = container.is_some_and(|it| Kind::from_seen(*it).is_single());
        instr.special.is_some() || is_known || self.site_in(index, instr).is_some()
    }

    /// The same of what an item is looked for in.
    fn knows_table(&self, index: usize, instr: &Instr) -> bool {
        let noted = &self.request.codes[index].noted;
        let at = noted.binary_search_by_key(&instr.offset, |(offset, _)| *offset);
        let container = at.ok().and_then(|at| noted[at].1.first());
        instr.special.is_some() || container.is_some_and(|it| is_table(Kind::from_seen(*it)))
    }

    /// What an instruction of a code object has learned of what it loads or calls.
    fn site_in(&self, index: usize, instr: &Instr) -> Option<&Site> {
        let sites = &self.request.codes[index].sites;
        let at = sites.binary_search_by_key(&instr.offset, |(offset, _)| *offset);
        at.ok().map(|at| &sites[at].1)
    }

    fn callee_of(&self, index: usize, instr: &Instr) -> Option<ObjId> {
        match self.site_in(index, instr)? {
            Site::Callee(id) => Some(*id),
            Site::Called {
                function,
                is_bound: false,
            } => Some(*function),
            _ => None,
        }
    }

    /// The object that an instruction loads.
    fn loaded_by(&self, index: usize, instr: &Instr) -> Option<ObjId> {
        match (instr.opcode, self.site_in(index, instr)?) {
            (Opcode::LoadGlobal, Site::Global { object, .. }) => Some(*object),
            (Opcode::LoadAttr, Site::Descriptor(id) | Site::Wrapped { function: id, .. }) => {
                Some(*id)
            }
            _ => None,
        }
    }

    /// Keeps track of which items of the value stack are objects that are known, over one instruction.
    fn track_known(&self, index: usize, instr: &Instr, known: &mut Vec<Option<ObjId>>) {
        if instr.opcode.ends_flow() || instr.jump_target().is_some() {
            known.clear();
            return;
        }
        let depth = known.len().saturating_sub(instr.opcode.popped(instr.arg));
        known.truncate(depth);
        known.resize(depth + instr.opcode.pushed(instr.arg), None);
        if let (Some(lowest), Some(id)) = (known.get_mut(depth), self.loaded_by(index, instr)) {
            *lowest = Some(id);
        }
    }

    /// The same of an object that is called.
    fn leaf_callee_size(
        &self,
        id: ObjId,
        caller: usize,
        depth: usize,
        only_looks: bool,
    ) -> Option<usize> {
        let info = match self.object(id)? {
            Object::Function(info) => info,
            other => {
                let may_be = is_understood(other) && !(only_looks && changes_its_object(other));
                return may_be.then_some(0);
            }
        };
        let Some(Object::Code(Some(index))) = self.object(info.code) else {
            return None;
        };
        let index = *index as usize;
        let may_be = info.simple
            && depth > 1
            && index != caller
            && self.infos[index].code.insts.len() <= self.inline_limit();
        may_be.then(|| self.leaf_size(index, depth - 1, only_looks))?
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

    /// Arguments that the caller's stack holds besides, to drop them alone, and what it holds: of an object that was not
    /// made and whose death nobody sees, nothing.
    fn held_twice(&mut self, args: &[Item]) -> Result<(Vec<Item>, Vec<Item>), Refusal> {
        let (mut given, mut held) = (Vec::new(), Vec::new());
        for arg in args {
            if matches!(arg, Item::Virtual(..)) && self.dies_quietly(arg) {
                given.push(arg.clone());
                held.push(Item::Val(self.helper(HelperId::LoadNone, vec![])));
                continue;
            }
            let arg = match arg {
                Item::Virtual(..) => Item::Val(self.obj(arg)?),
                other => other.clone(),
            };
            given.push(arg.clone());
            held.push(arg);
        }
        Ok((given, held))
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
        // A head's arguments stand in two frames.
        let mut args = match is_head {
            true => self.made(args)?,
            false => args.to_vec(),
        };
        let returned = match how {
            Inlined::Initialiser(_) => Returned::Initialised,
            Inlined::Store(_) => Returned::Dropped,
            Inlined::Operator(_) => Returned::Operated,
            _ => Returned::Pushed,
        };
        if let Inlined::Initialiser(class) = how {
            self.release(class);
            // Nothing exits in front of the call any more: the object might have a finaliser.
            let instance = self
                .call_helper(HelperId::NewInstance, vec![class])
                .expect("an object");
            args[0] = Item::Val(instance);
            self.push_value(instance);
        }
        match &how {
            Inlined::Operator(operands) => self.frame_mut().stack.extend(operands.clone()),
            Inlined::Store(operands) => self.frame_mut().stack.extend(operands.clone()),
            _ => {}
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
            returned,
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
            fused: None,
            exceptions: Exceptions::default(),
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

/// A call of a function through its cell.
fn direct_call(info: &FunctionInfo) -> Op {
    Op::CallDirect {
        code: info.code,
        n_locals: info.n_locals,
        frame_size: info.frame_size,
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
                | Special::LoadAttrNondescriptorWithValues { .. }
                | Special::LoadAttrNondescriptorNoDict { .. }
                | Special::LoadAttrClass { .. }
                | Special::LoadAttrModule { .. }
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

/// Whether it makes an object of a Python class.
fn makes(instr: &Instr) -> bool {
    matches!(
        instr.special,
        Some(Special::Call {
            kind: CallKind::AllocAndEnterInit,
            ..
        })
    )
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
            | BuildTuple
            | UnpackSequence
            | IsOp
            | RaiseVarargs
    );
    let writes_attribute = Place::of_store(instr).is_some();
    known || writes_attribute || may_be_in_head(instr)
}
