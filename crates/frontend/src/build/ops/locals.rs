//! Locals, constants, the value stack itself, cells.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Field, Item, Local};
use crate::bytecode::{Instr, Opcode};
use crate::hir::{HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::{ObjId, Object};

/// What is left of a bytecode where Python code has run because a local's old object died.
#[derive(Clone, Copy)]
enum Rest {
    /// Nothing: it goes on at this offset.
    Next(u32),
    /// This local is set to this value, then it goes on.
    Store(u32, Value, u32),
}

impl Builder<'_> {
    pub(super) fn local_access(&mut self, instr: &Instr) -> Result {
        let arg = instr.arg;
        match instr.opcode {
            Opcode::LoadFast => self.load_fast(arg, instr.end)?,
            Opcode::LoadFastCheck => {
                if !self.check_bound(arg) {
                    return Ok(Flow::Ended);
                }
                self.load_fast(arg, instr.end)?;
            }
            Opcode::LoadFastLoadFast => {
                let (first, second) = (arg >> 4, arg & 15);
                // Of the same local twice, the first is not the last use.
                let behind = if first == second {
                    instr.start
                } else {
                    instr.end
                };
                self.load_fast(first, behind)?;
                self.load_fast(second, instr.end)?;
            }
            Opcode::LoadFastAndClear => return self.load_and_clear(arg, instr),
            Opcode::StoreFast => {
                let item = self.pop()?;
                self.store_fast(arg, item, Rest::Next(instr.end))?;
            }
            Opcode::StoreFastLoadFast => {
                let (stored, loaded) = (arg >> 4, arg & 15);
                let item = self.pop()?;
                let item = self.unboxed_by_hint(stored, item);
                // What is loaded is pushed first, so that the state behind the store is that behind the bytecode.
                let item = if stored == loaded {
                    let item = self.shared(stored, item, instr.end)?;
                    self.push(item.clone());
                    item
                } else {
                    self.load_fast(loaded, instr.end)?;
                    item
                };
                self.store_fast(stored, item, Rest::Next(instr.end))?;
            }
            Opcode::StoreFastStoreFast => self.store_two(arg >> 4, arg & 15, instr.end)?,
            Opcode::DeleteFast => {
                if !self.check_bound(arg) {
                    return Ok(Flow::Ended);
                }
                return self.delete_fast(arg, instr);
            }
            Opcode::LoadConst => {
                let item = self.load_const(arg)?;
                self.push(item);
            }
            Opcode::PopTop => {
                let item = self.pop()?;
                self.drop_item(&item, instr.end)?;
            }
            Opcode::PushNull => self.push(Item::Null),
            Opcode::Copy => self.copy(arg)?,
            Opcode::Swap => self.swap(arg)?,
            _ => return self.cell_access(instr),
        }
        Ok(Flow::Next)
    }

    /// Loads a local that is bound; `behind` is where its next use may stand.
    fn load_fast(&mut self, local: u32, behind: u32) -> std::result::Result<(), Refusal> {
        let item = match self.frame().locals[local as usize].clone() {
            Local::Raw { value, .. } => Item::Val(value),
            Local::Inlined(item) => {
                let item = self.shared(local, item, behind)?;
                self.frame_mut().locals[local as usize] = Local::Inlined(item.clone());
                let hint = self.infos[self.frame().code].hints[local as usize];
                if let Item::Val(value) = item
                    && !self.func.ty(value).kinds.is_single()
                    && !self.hints.contains_key(&value)
                {
                    self.hint(value, hint);
                }
                item
            }
            Local::Memory { ty, cached } => {
                // The compiler guarantees that it is bound.
                let bound = Type {
                    kinds: ty.kinds & Kind::ANY,
                    object: ty.object,
                };
                self.frame_mut().locals[local as usize] = Local::Memory { ty: bound, cached };
                Item::Val(self.load_memory(local))
            }
        };
        self.push(item);
        Ok(())
    }

    /// What a local and the stack will both hold: an object that was not made is made, unless nobody asks the local
    /// again.
    fn shared(
        &mut self,
        local: u32,
        item: Item,
        behind: u32,
    ) -> std::result::Result<Item, Refusal> {
        let is_last =
            self.is_inlined() && !self.infos[self.frame().code].is_read_from(behind, local);
        if matches!(item, Item::Virtual(..)) && !is_last {
            return Ok(Item::Val(self.obj(&item)?));
        }
        Ok(item)
    }

    /// Exits where a local is unbound: the interpreter raises. Whether it may be bound; otherwise the block has ended.
    fn check_bound(&mut self, local: u32) -> bool {
        let value = match self.frame().locals[local as usize].clone() {
            Local::Inlined(Item::Null) => {
                self.exit("unbound");
                return false;
            }
            Local::Inlined(Item::Val(value)) => value,
            Local::Memory { ty, .. } if ty.kinds.contains(Kind::NULL) => self.load_memory(local),
            _ => return true,
        };
        let ty = self.func.ty(value);
        if !ty.kinds.contains(Kind::NULL) {
            return true;
        }
        let bound = Type {
            kinds: ty.kinds & Kind::ANY,
            object: ty.object,
        };
        let value = self.emit_exiting(Op::GuardNotNull, vec![value], bound);
        let value = value.expect("the same reference");
        self.frame_mut().locals[local as usize] = match self.frame().locals[local as usize] {
            Local::Inlined(_) => Local::Inlined(Item::Val(value)),
            _ => Local::Memory {
                ty: bound,
                cached: Some(value),
            },
        };
        true
    }

    fn load_const(&mut self, index: u32) -> std::result::Result<Item, Refusal> {
        let id = *self
            .snapshot()
            .consts
            .get(index as usize)
            .ok_or_else(|| Refusal::new("bytecode", format!("no constant {index}")))?;
        Ok(self.constant_item(id))
    }

    /// A constant: of a number, raw.
    pub(super) fn constant_item(&mut self, id: ObjId) -> Item {
        let raw = match self.object(id) {
            Some(Object::Int(Some(value))) => self.int(*value),
            Some(Object::Float(value)) => {
                self.emit(Op::Float(value.to_bits()), vec![], Type::of(Kind::FLOAT))
            }
            _ => return Item::Val(self.constant(id)),
        };
        // The constant's own object is its box.
        let object = self.constant(id);
        self.boxes.insert(raw, object);
        Item::Val(raw)
    }

    pub(super) fn const_item(&mut self, index: u32) -> std::result::Result<Item, Refusal> {
        self.load_const(index)
    }

    /// The program lets go of an item, which is off the stack, and goes on at `next`.
    pub(super) fn drop_item(&mut self, item: &Item, next: u32) -> std::result::Result<(), Refusal> {
        let mut values = Vec::new();
        self.released_by(item, &mut values);
        match values[..] {
            [] => {}
            [value] => self.drop_value(value, next),
            // They die together, at one bytecode.
            _ => {
                let value = self.obj(item)?;
                self.drop_value(value, next);
            }
        }
        Ok(())
    }

    /// The objects whose death may be seen when an item goes.
    pub(super) fn released_by(&self, item: &Item, values: &mut Vec<Value>) {
        match item {
            Item::Null => {}
            Item::Val(value) => values.extend((!self.is_kept(*value)).then_some(*value)),
            Item::Virtual(_, fields) => {
                for field in fields {
                    if let Field::Item(item) = field {
                        self.released_by(item, values);
                    }
                }
            }
        }
    }

    /// The program lets go of a value. Only where the object really dies is the frame's memory brought up to date.
    fn drop_value(&mut self, value: Value, next: u32) {
        if self.is_inlined() {
            self.release(value);
            return;
        }
        self.rarely_run(Op::ReleaseQuiet, vec![value], |b, runs| {
            if runs {
                b.sync_frame();
                b.before_run();
            }
            b.emit_unit(Op::Drop, vec![value]);
            if runs {
                b.after_run(next);
            }
        });
    }

    /// The bytecode lets go of an operand without calling anything: exits in front of it where that would run code.
    pub(super) fn release(&mut self, value: Value) {
        self.release_all(&[Item::Val(value)]);
    }

    /// The same for all that it lets go of, which may be the same objects, or hold each other: of an object that was not
    /// made, for what is in it.
    pub(super) fn release_all(&mut self, items: &[Item]) {
        let mut values = Vec::new();
        for item in items {
            self.released_by(item, &mut values);
        }
        if !values.is_empty() {
            let quiet = self.emit(Op::ReleaseQuiet, values, Type::of(Kind::BOOL));
            self.guard(quiet, true);
        }
    }

    /// The same for an object that is given values before: exits where they might die with it.
    pub(super) fn release_giving(&mut self, object: Value, values: &[Value]) {
        let is_quiet = |it: &Value| self.func.rep(*it) != Rep::Obj || self.func.ty(*it).is_quiet();
        if values.iter().all(is_quiet) {
            self.release(object);
        } else if !self.is_kept(object) {
            let outlives = self.emit(Op::Outlives, vec![object], Type::of(Kind::BOOL));
            self.guard(outlives, true);
        }
    }

    /// Whether letting go of an item can be seen by nobody.
    pub(super) fn dies_quietly(&self, item: &Item) -> bool {
        let mut values = Vec::new();
        self.released_by(item, &mut values);
        values.is_empty()
    }

    /// Whether letting go of a value can be seen by nobody: it dies silently, or a variable or a stack has it still.
    fn is_kept(&self, value: Value) -> bool {
        let root = self.func.root(value);
        let is_it = |held: Value| self.func.root(held) == root;
        let has_it = |local: &Local| match local {
            Local::Memory { cached, .. } => cached.is_some_and(is_it),
            Local::Inlined(Item::Val(held)) => is_it(*held),
            _ => false,
        };
        let is_on = |item: &Item| matches!(item, Item::Val(held) if is_it(*held));
        self.func.rep(value) != Rep::Obj
            || self.func.ty(value).is_quiet()
            || matches!(self.func.def_op(root), Some(Op::Const(_)))
            || self
                .frames
                .iter()
                .any(|frame| frame.locals.iter().any(has_it) || frame.stack.iter().any(is_on))
    }

    fn copy(&mut self, depth: u32) -> std::result::Result<(), Refusal> {
        let index = self.stack_index(depth)?;
        self.make_shareable(index)?;
        let item = self.frame().stack[index].clone();
        self.push(item);
        Ok(())
    }

    fn swap(&mut self, depth: u32) -> std::result::Result<(), Refusal> {
        let index = self.stack_index(depth)?;
        let top = self.frame().stack.len() - 1;
        self.frame_mut().stack.swap(index, top);
        Ok(())
    }

    pub(super) fn stack_index(&self, depth: u32) -> std::result::Result<usize, Refusal> {
        let len = self.frame().stack.len();
        (len.checked_sub(depth as usize).filter(|index| *index < len))
            .ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))
    }

    /// An object that two places will hold must be made.
    fn make_shareable(&mut self, index: usize) -> std::result::Result<(), Refusal> {
        let item = self.frame().stack[index].clone();
        if matches!(item, Item::Virtual(..)) {
            let value = self.obj(&item)?;
            self.frame_mut().stack[index] = Item::Val(value);
        }
        Ok(())
    }

    /// Stores the top items into two locals.
    fn store_two(&mut self, one: u32, other: u32, next: u32) -> std::result::Result<(), Refusal> {
        let first = self.pop()?;
        let second = self.pop()?;
        let first = self.unboxed_by_hint(one, first);
        let mut second = self.unboxed_by_hint(other, second);
        let mut rest = Rest::Next(next);
        if !self.is_inlined() {
            if self.infos[0].kept[other as usize] {
                second = self.outliving(one, second);
            }
            self.show_replaced(other);
            let value = self.value(&second)?;
            second = Item::Val(value);
            rest = Rest::Store(other, value, next);
        }
        let ran = self.store(one, first, rest, true)?;
        // The first store may have been seen by now: the bytecode cannot be left to the interpreter any more.
        self.store(other, second, Rest::Next(next), false)?;
        if ran {
            self.after_run(next);
        }
        Ok(())
    }

    /// Stores an item into a local, in front of the rest of the bytecode.
    fn store_fast(
        &mut self,
        local: u32,
        item: Item,
        rest: Rest,
    ) -> std::result::Result<(), Refusal> {
        self.store(local, item, rest, true)?;
        Ok(())
    }

    /// The same. `may_exit` says whether nothing has happened yet, so that the bytecode may be left to the interpreter;
    /// the answer, whether Python code may have run with something of the bytecode left to do.
    fn store(
        &mut self,
        local: u32,
        item: Item,
        rest: Rest,
        may_exit: bool,
    ) -> std::result::Result<bool, Refusal> {
        if let Local::Inlined(old) = self.frame().locals[local as usize].clone() {
            self.frame_mut().locals[local as usize] = Local::Inlined(Item::Null);
            self.release_all(&[old]);
            let item = self.unboxed_by_hint(local, item);
            self.frame_mut().locals[local as usize] = Local::Inlined(item);
            return Ok(false);
        }
        if item == Item::Null {
            return Ok(self.clear_local(local, rest));
        }
        self.show_replaced(local);
        let item = self.unboxed_by_hint(local, item);
        let value = self.value(&item)?;
        let is_observed = self.frames[0].exceptions.observed;
        let is_boxed = self.infos[0].identity_matters || is_observed;
        if is_observed {
            self.expected[local as usize] |= self.func.ty(value).kinds;
        }
        if self.func.rep(value) != Rep::Obj && !is_boxed {
            let may_leave = may_exit && self.may_speculate();
            if !may_leave && !self.memory_type(local).is_quiet() {
                // Who sees the old object die finds the new one in its place.
                let object = self.boxed(value);
                let raw = Local::Raw {
                    value,
                    synced: true,
                };
                return Ok(self.replace_memory(local, raw, rest, |b, old| {
                    b.emit_unit(Op::StoreLocal { local, old }, vec![object])
                }));
            }
            let keeps = self.infos[0].kept[local as usize] && self.func.rep(value) == Rep::F64;
            let known = if keeps {
                self.known_object(value)
            } else {
                None
            };
            self.make_way(local);
            let old = Type::of(Kind::QUIET);
            match known {
                Some(object) => self.emit_unit(Op::StoreLocal { local, old }, vec![object]),
                None if keeps => self.emit_unit(Op::ClearLocal { local, old }, vec![]),
                None => {}
            }
            self.frame_mut().locals[local as usize] = Local::Raw {
                value,
                synced: known.is_some(),
            };
            return Ok(false);
        }
        let value = self.boxed(value);
        Ok(self.store_object(local, value, rest))
    }

    /// The float that a local is about to lose, whose object it keeps: an item that holds it, too, is that object.
    fn outliving(&mut self, local: u32, item: Item) -> Item {
        if let (Local::Raw { value, .. }, Item::Val(held)) =
            (&self.frame().locals[local as usize], &item)
            && value == held
            && self.keeping_local(*value) == Some(local)
        {
            let object = self.boxed(*held);
            return Item::Val(object);
        }
        item
    }

    /// The same for what stands on the stacks.
    fn show_replaced(&mut self, local: u32) {
        let Local::Raw { value, .. } = self.frames[0].locals[local as usize] else {
            return;
        };
        let holds = |item: &Item| *item == Item::Val(value);
        if self.frame().stack.iter().any(holds) && self.keeping_local(value) == Some(local) {
            let object = self.boxed(value);
            for item in &mut self.frame_mut().stack {
                if holds(item) {
                    *item = Item::Val(object);
                }
            }
        }
    }

    fn unboxed_by_hint(&mut self, local: u32, item: Item) -> Item {
        let Item::Val(value) = item else { return item };
        let info = &self.infos[self.frame().code];
        if self.func.rep(value) != Rep::Obj || info.identity_matters {
            return item;
        }
        if self.is_inlined() && info.kept[local as usize] {
            return item;
        }
        let kinds = self.kinds(&item);
        let hint = self.infos[self.frame().code].hints[local as usize];
        let known = matches!(kinds, Kind::FLOAT);
        let likely =
            matches!(hint, Kind::INT | Kind::FLOAT) && kinds.contains(hint) && self.may_speculate();
        if !known && !likely {
            return item;
        }
        Item::Val(self.unboxed(value, if known { kinds } else { hint }))
    }

    /// Writes an object through to the local's memory; what it held dies as in the interpreter.
    fn store_object(&mut self, local: u32, value: Value, rest: Rest) -> bool {
        let ty = self.func.ty(value);
        let known = Local::Memory {
            ty: Type {
                kinds: ty.kinds,
                object: None,
            },
            cached: None,
        };
        self.replace_memory(local, known, rest, |b, old| {
            b.emit_unit(Op::StoreLocal { local, old }, vec![value])
        })
    }

    /// A number takes the place of what the local's memory holds: exits in front of the bytecode where that would run
    /// code.
    fn make_way(&mut self, local: u32) {
        if self.memory_type(local).is_quiet() {
            return;
        }
        // That this was the last reference to an object is rare.
        let quiet = self.emit(Op::DropQuiet(local), vec![], Type::of(Kind::BOOL));
        self.guard(quiet, true);
        let old = Type::of(Kind::QUIET);
        self.emit_unit(Op::ClearLocal { local, old }, vec![]);
    }

    /// Sets a local to NULL.
    fn clear_local(&mut self, local: u32, rest: Rest) -> bool {
        let unbound = Local::Memory {
            ty: Type::of(Kind::NULL),
            cached: None,
        };
        if self.memory_type(local).kinds == Kind::NULL {
            self.frame_mut().locals[local as usize] = unbound;
            return false;
        }
        self.replace_memory(local, unbound, rest, |b, old| {
            b.emit_unit(Op::ClearLocal { local, old }, vec![])
        })
    }

    /// Replaces a local's memory by `act`, which is told what it may hold before. Whether Python code may have run with
    /// something of the bytecode left to do.
    fn replace_memory(
        &mut self,
        local: u32,
        content: Local,
        rest: Rest,
        act: impl Fn(&mut Self, Type),
    ) -> bool {
        let old = self.memory_type(local);
        let is_dirty = |local: &Local| matches!(local, Local::Raw { synced: false, .. });
        if old.is_quiet() {
            act(self, old);
            self.frame_mut().locals[local as usize] = content;
            return false;
        }
        if !self.frame().locals.iter().any(is_dirty) {
            self.emit_unit(Op::SetIp(self.offset), vec![]);
            act(self, old);
            self.frame_mut().locals[local as usize] = content;
            if let Rest::Next(next) = rest {
                self.after_run(next);
            }
            return matches!(rest, Rest::Store(..));
        }
        // Only where the old object really dies is the frame's memory brought up to date.
        self.rarely_run(Op::DropQuiet(local), vec![], |b, runs| {
            let old = if runs { old } else { Type::of(Kind::QUIET) };
            if runs {
                b.sync_frame();
                b.before_run();
            }
            act(b, old);
            b.frame_mut().locals[local as usize] = content.clone();
            match rest {
                Rest::Next(next) if runs => b.after_run(next),
                // Who did run may have changed the frame, and only behind the bytecode can it be left. There the way
                // that all go stores the same once more, which changes nothing.
                Rest::Store(local, value, next) if runs => b.store_at_once(local, value, next),
                _ => {}
            }
        });
        false
    }

    /// Stores a value to memory that is in force, whatever it holds, and goes on at `next`.
    fn store_at_once(&mut self, local: u32, value: Value, next: u32) {
        let object = self.boxed(value);
        let old = Type::of(Kind::all());
        self.emit_unit(Op::StoreLocal { local, old }, vec![object]);
        self.frame_mut().locals[local as usize] = Local::Memory {
            ty: Type::of(Kind::all()),
            cached: None,
        };
        self.after_run(next);
    }

    /// Does `act(false)` where the test says that nothing can run, else, on a cold path, `act(true)`; then goes on with
    /// the frames as `act(false)` left them (memory on the other path is at least as fresh).
    pub(super) fn rarely_run(
        &mut self,
        test: Op,
        args: Vec<Value>,
        mut act: impl FnMut(&mut Self, bool),
    ) {
        let quiet = self.emit(test, args, Type::of(Kind::BOOL));
        let hot = self.func.add_block(self.offset);
        let cold = self.func.add_block(self.offset);
        let next = self.func.add_block(self.offset);
        self.func.blocks[cold].cold = true;
        let to = |block| Target {
            block,
            args: vec![],
        };
        self.end(Term::Branch {
            cond: quiet,
            then: to(hot),
            other: to(cold),
            likely: Some(true),
        });
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        self.block = cold;
        act(self, true);
        self.end(Term::Jump(to(next)));
        self.frames = frames;
        self.boxes = boxes;
        self.block = hot;
        act(self, false);
        self.end(Term::Jump(to(next)));
        self.forget_cached();
        self.block = next;
    }

    fn delete_fast(&mut self, local: u32, instr: &Instr) -> Result {
        match self.frame().locals[local as usize].clone() {
            Local::Inlined(_) => {
                self.frame_mut().locals[local as usize] = Local::Inlined(Item::Null);
            }
            Local::Memory { ty, .. } if ty.kinds == Kind::NULL => {
                self.exit("unbound");
                return Ok(Flow::Ended);
            }
            _ => {
                self.show_replaced(local);
                let old = self.memory_type(local);
                self.frame_mut().locals[local as usize] = Local::Memory {
                    ty: old,
                    cached: None,
                };
                self.clear_local(local, Rest::Next(instr.end));
                // A raw local's memory was stale: that it is NULL now must be so whatever it held.
                if old.kinds == Kind::NULL {
                    self.emit_unit(
                        Op::ClearLocal {
                            local,
                            old: Type::of(Kind::QUIET),
                        },
                        vec![],
                    );
                }
            }
        }
        Ok(Flow::Next)
    }

    fn load_and_clear(&mut self, local: u32, instr: &Instr) -> Result {
        match self.frame().locals[local as usize].clone() {
            Local::Inlined(item) => {
                self.push(item);
                self.frame_mut().locals[local as usize] = Local::Inlined(Item::Null);
            }
            Local::Raw { value, .. } => {
                self.show_replaced(local);
                let item = self.outliving(local, Item::Val(value));
                self.push(item);
                self.clear_local(local, Rest::Next(instr.end));
            }
            Local::Memory { ty, .. } if ty.kinds == Kind::NULL => self.push(Item::Null),
            Local::Memory { .. } => {
                // It may be unbound: then NULL stands on the stack.
                let value = self.load_memory(local);
                // The reference is held twice for a moment, so that clearing the slot cannot run anything.
                self.push_value(value);
                self.emit_unit(
                    Op::ClearLocal {
                        local,
                        old: Type::of(Kind::QUIET),
                    },
                    vec![],
                );
                self.frame_mut().locals[local as usize] = Local::Memory {
                    ty: Type::of(Kind::NULL),
                    cached: None,
                };
            }
        }
        Ok(Flow::Next)
    }

    fn cell_access(&mut self, instr: &Instr) -> Result {
        let local = self.frame().locals.get(instr.arg as usize).cloned();
        if let (Opcode::LoadDeref, Some(Local::Inlined(cell))) = (instr.opcode, local) {
            let cell = self.obj(&cell)?;
            let value = self.probe(HelperId::ProbeCell, vec![cell], Type::ANY);
            self.push_value(value);
            return Ok(Flow::Next);
        }
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let local = instr.arg;
        match instr.opcode {
            Opcode::MakeCell => {
                let initial = match self.memory_type(local).kinds {
                    Kind::NULL => self.null(),
                    _ => self.load_memory(local),
                };
                let cell = self
                    .call_helper(HelperId::MakeCell, vec![initial])
                    .expect("a cell");
                // The cell has the old content: releasing the slot's reference cannot be the last.
                self.emit_unit(
                    Op::StoreLocal {
                        local,
                        old: Type::of(Kind::QUIET),
                    },
                    vec![cell],
                );
                self.frame_mut().locals[local as usize] = Local::Memory {
                    ty: Type::of(Kind::CELL),
                    cached: None,
                };
            }
            Opcode::CopyFreeVars => {
                let n = self.number(instr.arg);
                self.call_helper(HelperId::CopyFreeVars, vec![n]);
                let first = self.frame().locals.len().saturating_sub(instr.arg as usize);
                for local in first..self.frame().locals.len() {
                    self.frame_mut().locals[local] = Local::Memory {
                        ty: Type::of(Kind::CELL),
                        cached: None,
                    };
                }
            }
            Opcode::LoadDeref => {
                let cell = self.load_memory(local);
                let index = self.number(local);
                let value = self
                    .call_helper(HelperId::LoadDeref, vec![cell, index])
                    .expect("a value");
                self.push_value(value);
            }
            Opcode::StoreDeref => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                let cell = self.load_memory(local);
                self.call_helper(HelperId::StoreDeref, vec![cell, value]);
                self.after_run(instr.end);
            }
            _ => {
                let cell = self.load_memory(local);
                let index = self.number(local);
                self.call_helper(HelperId::DeleteDeref, vec![cell, index]);
                self.after_run(instr.end);
            }
        }
        Ok(Flow::Next)
    }
}
