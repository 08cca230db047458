//! Making instructions, exits and frame states; boxing and unboxing.

use super::frame::{FUSED_OPERANDS, Field, Frame, Item, Local, Pending};
use super::{Builder, Refusal};
use crate::hir::{
    Cond, HelperId, Inlined, InstData, Kind, Op, Rep, Slot, State, StateId, Target, Term, Type,
    Value, Virtual,
};
use martlet_snapshot::{ObjId, Object, Returned, VirtualKind};

/// So many raw locals are boxed by a call each; more of them by one call together.
const MAX_SYNCED_SINGLY: usize = 2;

impl Builder<'_> {
    /// Appends an operation that neither raises nor exits.
    pub(super) fn emit(&mut self, op: Op, args: Vec<Value>, ty: Type) -> Value {
        self.append(op, args, None, ty)
            .expect("the operation has a result")
    }

    /// Appends an operation without result that neither raises nor exits.
    pub(super) fn emit_unit(&mut self, op: Op, args: Vec<Value>) {
        self.append(op, args, None, Type::ANY);
    }

    /// Appends an operation that may exit in front of the current bytecode.
    pub(super) fn emit_exiting(&mut self, op: Op, args: Vec<Value>, ty: Type) -> Option<Value> {
        let state = self.before_state();
        self.append(op, args, Some(state), ty)
    }

    /// Appends an operation that may raise: it ends the block, and the next one is begun. The stack must already be
    /// without what the operation consumes.
    pub(super) fn emit_raising(&mut self, op: Op, args: Vec<Value>, ty: Type) -> Option<Value> {
        let state = self.raising_state();
        let result = self.append(op, args, Some(state), ty);
        self.end_checked(state);
        result
    }

    /// Ends the block behind an operation that may have raised, and begins the next.
    fn end_checked(&mut self, state: StateId) {
        let ok = self.func.add_block(self.offset);
        let last = self.func.blocks[self.block].insts.last();
        let runs = last.is_some_and(|it| self.func.insts[*it].op.effects().may_run);
        let raised = self.raised_block(state, runs);
        self.end(Term::Checked {
            ok: Target {
                block: ok,
                args: vec![],
            },
            raised: Target {
                block: raised,
                args: vec![],
            },
        });
        self.block = ok;
    }

    fn append(
        &mut self,
        op: Op,
        args: Vec<Value>,
        state: Option<StateId>,
        ty: Type,
    ) -> Option<Value> {
        if op.effects().may_run {
            self.stored.clear();
            self.classes.clear();
        }
        if op.allocates() {
            let call = self.frames[0].call.as_ref().filter(|_| self.is_inlined());
            let offset = call.map_or(self.offset, |it| it.offset);
            self.emit_unit(Op::SetIp(offset), vec![]);
        }
        let inst = self.func.make_inst(op, args, state, ty, self.offset);
        self.func.inlined_from[inst] = self.inlined_from();
        self.func.blocks[self.block].insts.push(inst);
        let InstData { result, .. } = self.func.insts[inst];
        result
    }

    /// Where the code at hand was inlined from.
    fn inlined_from(&self) -> Option<Inlined> {
        let (root, inlined) = self.frames.split_first()?;
        let call = root.call.as_ref()?.offset;
        let code = inlined.last()?.code as u32;
        Some(Inlined { code, call })
    }

    /// Ends the current block.
    pub(super) fn end(&mut self, term: Term) {
        debug_assert_eq!(
            self.func.blocks[self.block].term,
            Term::None,
            "a block ends once"
        );
        // Handlers are rarer than what they stand for.
        self.func.blocks[self.block].cold |= self.frames[0].exceptions.observed;
        self.func.blocks[self.block].term = term;
    }

    /// Ends the block with an exit in front of the current bytecode.
    pub(super) fn exit(&mut self, reason: &'static str) {
        let state = self.before_state();
        self.end(Term::Exit { state, reason });
    }

    pub(super) fn int(&mut self, value: i64) -> Value {
        self.emit(Op::Int(value), vec![], Type::of(Kind::INT))
    }

    /// Exits in front of the current bytecode unless the bit is as wanted.
    pub(super) fn guard(&mut self, bit: Value, wanted: bool) {
        self.emit_exiting(Op::Guard(wanted), vec![bit], Type::ANY);
    }

    /// Calls a helper that cannot fail.
    pub(super) fn helper(&mut self, helper: HelperId, args: Vec<Value>) -> Value {
        self.emit(Op::Call { helper, outputs: 0 }, args, helper.row().ty)
    }

    /// Calls a helper that gives a value and whether it is right; exits where it is not.
    pub(super) fn checked_helper(&mut self, helper: HelperId, args: Vec<Value>) -> Value {
        let multi = self.helper(helper, args);
        let ok = self.emit(Op::Second, vec![multi], Type::of(Kind::BOOL));
        self.guard(ok, true);
        self.emit(Op::First, vec![multi], helper.row().ty)
    }

    /// Compares two raw integers.
    pub(super) fn int_cmp(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        self.emit(Op::IntCmp(cond), vec![a, b], Type::of(Kind::BOOL))
    }

    // Frame states.

    /// The state in front of the current bytecode.
    pub(super) fn before_state(&mut self) -> StateId {
        if let Some(state) = self.before_state {
            return state;
        }
        let frames = std::mem::take(&mut self.before);
        let state = match called_from(&frames) {
            Some((outer, call)) => self.make_state(outer, call.offset),
            None => self.make_state(&frames, self.start),
        };
        self.before = frames;
        self.before_state = Some(state);
        state
    }

    /// The state where the current bytecode raises. A fused expression raises only where there is no memory, as if its
    /// call did.
    fn raising_state(&mut self) -> StateId {
        let mut frames = self.frames.clone();
        let Some((outer, call)) = called_from(&frames) else {
            return self.make_state(&frames, self.offset);
        };
        let depth = outer.len();
        frames.truncate(depth);
        let held = frames[depth - 1].stack.len() - FUSED_OPERANDS;
        frames[depth - 1].stack.truncate(held);
        self.make_state(&frames, call.offset)
    }

    /// The state of these frames, the innermost of them at `offset`.
    pub(super) fn make_state(&mut self, frames: &[Frame], offset: u32) -> StateId {
        let mut parent = None;
        for (depth, frame) in frames.iter().enumerate() {
            let (offset, return_to, returned) = match frame.call {
                Some(call) if depth + 1 < frames.len() => {
                    (call.offset, call.return_to, call.returned)
                }
                _ => (offset, 0, Returned::Pushed),
            };
            let locals = self.local_slots(frame);
            let stack = frame.stack.iter().map(|item| self.slot(item)).collect();
            let state = State {
                code: frame.code as u32,
                function: frame.function,
                offset,
                return_to,
                returned,
                locals,
                stack,
                parent,
            };
            parent = Some(self.func.states.push(state));
        }
        parent.expect("there is always the root frame")
    }

    fn local_slots(&mut self, frame: &Frame) -> Vec<Slot> {
        let in_memory = |local: &Local| {
            matches!(
                local,
                Local::Memory { .. } | Local::Raw { synced: true, .. }
            )
        };
        if frame.locals.iter().all(in_memory) {
            return Vec::new();
        }
        frame
            .locals
            .iter()
            .map(|local| match local {
                Local::Memory { .. } | Local::Raw { synced: true, .. } => Slot::Memory,
                Local::Raw { value, .. } => Slot::Value(*value),
                Local::Inlined(item) => self.slot(item),
            })
            .collect()
    }

    fn slot(&mut self, item: &Item) -> Slot {
        match item {
            Item::Null => Slot::Null,
            Item::Val(value) => Slot::Value(*value),
            Item::Virtual(kind, fields) => {
                let items = fields
                    .iter()
                    .map(|field| match field {
                        Field::Raw(value) => Slot::Raw(*value),
                        Field::Item(item) => self.slot(item),
                    })
                    .collect();
                self.func.virtuals.push(Virtual { kind: *kind, items });
                Slot::Virtual(self.func.virtuals.len() as u32 - 1)
            }
        }
    }

    // Objects.

    /// A constant object.
    pub(super) fn constant(&mut self, id: ObjId) -> Value {
        let kinds = self.object(id).map_or(Kind::ANY, object_kind);
        self.emit(
            Op::Const(id),
            vec![],
            Type {
                kinds,
                object: Some(id),
            },
        )
    }

    /// The item as a value, raw or not; objects that were not made are made.
    pub(super) fn value(&mut self, item: &Item) -> Result<Value, Refusal> {
        match item {
            Item::Null => Ok(self.emit(Op::Null, vec![], Type::of(Kind::NULL))),
            Item::Val(value) => Ok(*value),
            Item::Virtual(kind, fields) => self.make_virtual(*kind, &fields.clone()),
        }
    }

    /// Makes an object that was not made.
    fn make_virtual(&mut self, kind: VirtualKind, fields: &[Field]) -> Result<Value, Refusal> {
        let helper = match kind {
            VirtualKind::Tuple => HelperId::BuildTuple,
            VirtualKind::RangeIter => HelperId::MakeRangeIter,
            VirtualKind::ListIter => HelperId::MakeListIter,
            VirtualKind::TupleIter => HelperId::MakeTupleIter,
            VirtualKind::Enumerate => HelperId::MakeEnumerate,
            VirtualKind::Method => HelperId::MakeMethod,
            VirtualKind::Function => return self.made_function(fields),
            _ => return Err(Refusal::new("shape", "only an exit makes this object")),
        };
        let mut args = Vec::new();
        for field in fields {
            args.push(match field {
                Field::Raw(value) => *value,
                Field::Item(item) => self.obj(item)?,
            });
        }
        let op = Op::Call { helper, outputs: 0 };
        Ok(self
            .emit_raising(op, args, Type::of(virtual_kind(kind)))
            .expect("an object"))
    }

    /// The item as an object; raw values are boxed.
    pub(super) fn obj(&mut self, item: &Item) -> Result<Value, Refusal> {
        let value = self.value(item)?;
        Ok(self.boxed(value))
    }

    /// The value as an object.
    pub(super) fn boxed(&mut self, value: Value) -> Value {
        let op = match self.func.rep(value) {
            Rep::I64 => Op::BoxInt,
            Rep::F64 => Op::BoxFloat,
            Rep::I1 => Op::BoxBool,
            _ => return value,
        };
        if let Some(known) = self.known_object(value) {
            return known;
        }
        let ty = self.func.ty(value);
        let boxed = if op == Op::BoxBool {
            self.emit(op, vec![value], ty)
        } else {
            self.emit_raising(op, vec![value], ty).expect("a box")
        };
        self.boxes.insert(value, boxed);
        boxed
    }

    /// The object of a raw value, if the program may know of one.
    pub(super) fn known_object(&mut self, value: Value) -> Option<Value> {
        let local = match self.synced_local(value) {
            Some(local) => local,
            None => {
                if let Some(boxed) = self.boxes.get(&value) {
                    return Some(*boxed);
                }
                let local = self.keeping_local(value)?;
                self.emit_raising(Op::SyncLocal(local), vec![value], Type::ANY);
                self.frames[0].locals[local as usize] = Local::Raw {
                    value,
                    synced: true,
                };
                local
            }
        };
        let ty = self.func.ty(value);
        Some(self.emit(Op::LoadLocal(local), vec![], ty))
    }

    /// A local of the root frame that keeps the object of this raw float.
    pub(super) fn keeping_local(&self, value: Value) -> Option<u32> {
        if self.func.rep(value) != Rep::F64 {
            return None;
        }
        let holds =
            |local: &Local| matches!(local, Local::Raw { value: held, .. } if *held == value);
        let locals = self.frames[0].locals.iter().zip(&self.infos[0].kept);
        let mut locals = locals.map(|(local, kept)| *kept && holds(local));
        locals.position(|keeps| keeps).map(|local| local as u32)
    }

    /// A local of the root frame whose memory holds the box of this raw value.
    fn synced_local(&self, value: Value) -> Option<u32> {
        let position = self.frames[0].locals.iter().position(
            |local| matches!(local, Local::Raw { value: held, synced: true } if *held == value),
        );
        position.map(|local| local as u32)
    }

    // Numbers.

    /// What kinds of object an item is.
    pub(super) fn kinds(&self, item: &Item) -> Kind {
        match item {
            Item::Null => Kind::NULL,
            Item::Val(value) => self.func.ty(*value).kinds,
            Item::Virtual(kind, _) => virtual_kind(*kind),
        }
    }

    /// What kinds of object an item is, or probably is where that may be speculated on.
    pub(super) fn likely_kinds(&self, item: &Item) -> Kind {
        let kinds = self.kinds(item);
        if kinds.is_single() || !self.may_speculate() {
            return kinds;
        }
        let hint = match item {
            Item::Val(value) => self.hints.get(value).copied(),
            _ => None,
        };
        hint.filter(|hint| hint.is_single() && kinds.contains(*hint))
            .unwrap_or(kinds)
    }

    /// The kind to take an operand for: what it is, else what the bytecode specialised to, else what it likely is.
    pub(super) fn number_kind(&self, item: &Item, expected: Option<Kind>) -> Kind {
        let kinds = self.kinds(item);
        match expected {
            Some(expected) if !kinds.is_single() && kinds.contains(expected) => expected,
            _ => self.likely_kinds(item),
        }
    }

    /// Notes what a value probably is.
    pub(super) fn hint(&mut self, value: Value, kinds: Kind) {
        if kinds.is_single() {
            self.hints.insert(value, kinds);
        }
    }

    /// The value, known to be of this kind: exits where it is not.
    pub(super) fn guard_kind(&mut self, value: Value, kind: Kind) -> Value {
        if self.func.ty(value).is(kind) || self.func.rep(value) != Rep::Obj {
            return value;
        }
        // The test looks into the object: there must be one.
        let object = if self.kinds(&Item::Val(value)).contains(Kind::NULL) {
            let bound = Type {
                kinds: self.func.ty(value).kinds & Kind::ANY,
                object: None,
            };
            self.emit_exiting(Op::GuardNotNull, vec![value], bound)
                .expect("the same reference")
        } else {
            value
        };
        let refined = self
            .emit_exiting(
                Op::GuardKind(kind),
                vec![object],
                Type {
                    kinds: kind,
                    object: self.func.ty(value).object,
                },
            )
            .expect("the same reference");
        self.refine(value, refined, kind);
        refined
    }

    /// A value turned out to be of a kind: every place that holds it learns so.
    fn refine(&mut self, value: Value, refined: Value, kind: Kind) {
        for frame in &mut self.frames {
            for local in &mut frame.locals {
                match local {
                    Local::Memory { ty, cached } if *cached == Some(value) => {
                        *ty = Type::of(kind);
                        *cached = Some(refined);
                    }
                    Local::Inlined(item) if *item == Item::Val(value) => *item = Item::Val(refined),
                    _ => {}
                }
            }
            for item in &mut frame.stack {
                if *item == Item::Val(value) {
                    *item = Item::Val(refined);
                }
            }
        }
    }

    /// The raw number in a value that is, or is guarded to be, of this numeric kind.
    pub(super) fn unboxed(&mut self, value: Value, kind: Kind) -> Value {
        match (self.func.rep(value), kind) {
            (Rep::I1, Kind::INT) => {
                return self.emit(Op::BitToInt, vec![value], Type::of(Kind::INT));
            }
            (Rep::Obj, _) => {}
            _ => return value,
        }
        if let Some(raw) = self.payloads.get(&value) {
            return *raw;
        }
        let guarded = self.guard_kind(value, kind);
        let ty = Type::of(kind);
        let raw = match kind {
            Kind::INT => self
                .emit_exiting(Op::UnboxInt, vec![guarded], ty)
                .expect("an integer"),
            Kind::FLOAT => self.emit(Op::UnboxFloat, vec![guarded], ty),
            _ => self.emit(Op::UnboxBool, vec![guarded], ty),
        };
        self.boxes.insert(raw, guarded);
        let observed = self.frames[0].exceptions.observed;
        if !observed && !self.infos[self.frame().code].identity_matters {
            self.adopt(guarded, raw);
        }
        raw
    }

    /// A boxed number was unboxed: locals that hold the box keep the raw value at hand, and their memory agrees.
    fn adopt(&mut self, boxed: Value, raw: Value) {
        for frame in &mut self.frames {
            let kept = &self.infos[frame.code].kept;
            for (index, local) in frame.locals.iter_mut().enumerate() {
                match local {
                    Local::Memory { cached, .. } if *cached == Some(boxed) => {
                        *local = Local::Raw {
                            value: raw,
                            synced: true,
                        };
                    }
                    Local::Inlined(item) if *item == Item::Val(boxed) && !kept[index] => {
                        *item = Item::Val(raw);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Loads a local of the root frame and unboxes it, guarded; the local is raw from then on.
    pub(super) fn unbox_local(&mut self, local: u32, kind: Kind) {
        let value = self.load_memory(local);
        self.unboxed(value, kind);
    }

    // Locals of the root frame.

    /// The content of a local whose memory is in force.
    pub(super) fn load_memory(&mut self, local: u32) -> Value {
        let Local::Memory { ty, cached } = self.frames[0].locals[local as usize] else {
            unreachable!("only called for locals in memory");
        };
        if let Some(value) = cached {
            return value;
        }
        let value = self.emit(Op::LoadLocal(local), vec![], ty);
        let hint = self.infos[0].hints[local as usize];
        if ty.kinds.contains(hint) && !ty.kinds.is_single() {
            self.hint(value, hint);
        }
        self.frames[0].locals[local as usize] = Local::Memory {
            ty,
            cached: Some(value),
        };
        value
    }

    /// What the memory of a local may hold, in force or stale.
    pub(super) fn memory_type(&self, local: u32) -> Type {
        match &self.frames[0].locals[local as usize] {
            Local::Memory { ty, .. } => *ty,
            _ => Type::of(Kind::QUIET),
        }
    }

    /// Boxes a raw value into its local's memory. The local stays raw.
    pub(super) fn store_boxed(&mut self, local: u32, value: Value) {
        // The box that the program has seen, if there is one.
        if self.boxes.contains_key(&value) || self.synced_local(value).is_some() {
            let boxed = self.boxed(value);
            let old = self.memory_type(local);
            self.emit_unit(Op::StoreLocal { local, old }, vec![boxed]);
            return;
        }
        self.emit_raising(Op::SyncLocal(local), vec![value], Type::ANY);
    }

    /// Brings the frame's memory up to date by one call, out of line.
    pub(super) fn sync_frame(&mut self) {
        let is_dirty = |local: &Local| matches!(local, Local::Raw { synced: false, .. });
        if !self.frames[0].locals.iter().any(is_dirty) {
            return;
        }
        let mut frames = self.frames.clone();
        frames[0].stack.clear();
        let locals = self.make_state(&frames, self.offset);
        let state = self.make_state(&self.frames.clone(), self.offset);
        self.append(Op::SyncFrame, vec![], Some(locals), Type::ANY);
        self.end_checked(state);
        for local in &mut self.frames[0].locals {
            if let Local::Raw { synced, .. } = local {
                *synced = true;
            }
        }
    }

    /// Brings the frame's memory up to date for whoever may look at it.
    pub(super) fn sync_locals(&mut self) {
        let is_dirty = |local: &&Local| matches!(local, Local::Raw { synced: false, .. });
        if self.frames[0].locals.iter().filter(is_dirty).count() > MAX_SYNCED_SINGLY {
            self.sync_frame();
            return;
        }
        for local in 0..self.frames[0].locals.len() {
            if let Local::Raw {
                value,
                synced: false,
            } = self.frames[0].locals[local]
            {
                self.store_boxed(local as u32, value);
                self.frames[0].locals[local] = Local::Raw {
                    value,
                    synced: true,
                };
            }
        }
    }

    /// In front of an operation that may run Python code.
    pub(super) fn before_run(&mut self) {
        self.sync_locals();
        self.emit_unit(Op::SetIp(self.offset), vec![]);
    }

    /// Behind an operation that may have run Python code, when the bytecode's results are pushed: goes on at `next`.
    pub(super) fn after_run(&mut self, next: u32) {
        let state = self.make_state(&self.frames.clone(), next);
        let check = match self.frames[0].exceptions.observed {
            true => Op::CheckUnit,
            false => Op::CheckValid,
        };
        self.append(check, vec![], Some(state), Type::ANY);
        self.forget_cached();
    }

    /// Python code may have replaced what locals hold while it ran (then the version is left), or dropped what was
    /// only lent: nothing borrowed from locals is kept.
    pub(super) fn forget_cached(&mut self) {
        self.stored.clear();
        self.classes.clear();
        for local in &mut self.frames[0].locals {
            if let Local::Memory { cached, .. } = local {
                *cached = None;
            }
        }
    }
}

/// The exact kind of an object that was not made.
pub(super) fn virtual_kind(kind: VirtualKind) -> Kind {
    match kind {
        VirtualKind::Tuple => Kind::TUPLE,
        VirtualKind::RangeIter => Kind::RANGE_ITER,
        VirtualKind::ListIter => Kind::LIST_ITER,
        VirtualKind::TupleIter => Kind::TUPLE_ITER,
        VirtualKind::Enumerate => Kind::ENUMERATE,
        VirtualKind::Function => Kind::FUNCTION,
        _ => Kind::OBJECT,
    }
}

/// The frames outside of a fused expression, and the call that it stands for, if there is one among these frames: it is
/// left in front of that.
fn called_from(frames: &[Frame]) -> Option<(&[Frame], Pending)> {
    let depth = frames.iter().position(|it| it.fused.is_some())?;
    let outer = &frames[..depth];
    Some((outer, outer.last()?.call?))
}

/// The exact kind of a known object.
pub(super) fn object_kind(object: &Object) -> Kind {
    match object {
        Object::None => Kind::NONE,
        Object::Bool(_) => Kind::BOOL,
        // What no register holds is computed with in the general way.
        Object::Int(None) => Kind::ANY,
        Object::Int(Some(_)) => Kind::INT,
        Object::Float(_) => Kind::FLOAT,
        Object::Str(_) => Kind::STR,
        Object::Bytes => Kind::BYTES,
        Object::Tuple(_) => Kind::TUPLE,
        Object::Function(_) => Kind::FUNCTION,
        Object::Type { .. } => Kind::TYPE,
        _ => Kind::OBJECT,
    }
}
