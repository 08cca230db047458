//! Subscripts and slices.

use super::{Builder, Flow, Result};
use crate::build::frame::Item;
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{Cond, Field, HelperId, IntOp, Kind, Op, Rep, Type, Value};

impl Builder<'_> {
    pub(super) fn subscript(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::BinarySubscr => self.get_item(instr),
            Opcode::StoreSubscr => self.set_item(instr),
            Opcode::DeleteSubscr => self.generic_items(instr, 2, HelperId::DelItem),
            Opcode::BinarySlice => self.slice(instr),
            _ => self.store_slice(instr),
        }
    }

    fn generic_items(&mut self, instr: &Instr, n: u32, helper: HelperId) -> Result {
        let items = self.pop_n(n)?;
        self.generic_of(instr, &items, helper)
    }

    /// The helper on these items, as objects.
    pub(super) fn generic_of(&mut self, instr: &Instr, items: &[Item], helper: HelperId) -> Result {
        // Raw locals among the items are boxed into their own memory first, and taken from there.
        if helper.row().may_run && !self.is_inlined() {
            self.before_run();
        }
        let mut args = Vec::new();
        for item in items {
            args.push(self.obj(item)?);
        }
        self.generic(instr, helper, args)
    }

    fn get_item(&mut self, instr: &Instr) -> Result {
        if instr.special.is_none() {
            self.note_operands(instr);
        }
        let index = self.pop()?;
        let container = self.pop()?;
        let special = instr.special.filter(|_| self.may_speculate());
        let kind = match special {
            _ if self.kinds(&container).is_single() => self.kinds(&container),
            Some(Special::SubscrListInt) => Kind::LIST,
            Some(Special::SubscrTupleInt) => Kind::TUPLE,
            Some(Special::SubscrStrInt) => Kind::STR,
            _ => self.likely_kinds(&container),
        };
        let indexed = matches!(
            special,
            Some(Special::SubscrListInt | Special::SubscrTupleInt | Special::SubscrStrInt)
        );
        let is_int = self.is_index(&index, indexed);
        if is_int && Kind::BUFFER.contains(kind) && self.may_speculate() {
            return self.buffer_item(&container, kind, &index);
        }
        let wraps = !indexed || self.failures() > 0;
        if let (Item::Val(object), Item::Val(index), true, true) =
            (&container, &index, is_int, self.may_speculate())
            && matches!(kind, Kind::LIST | Kind::TUPLE | Kind::STR)
        {
            let object = self.guard_kind(*object, kind);
            let index = self.unboxed(*index, Kind::INT);
            let index = self.index_in_range(object, kind, index, wraps);
            let ty = Type::ANY;
            let item = match kind {
                Kind::LIST => self.emit(Op::ListItem, vec![object, index], ty),
                Kind::TUPLE => self.emit(Op::TupleItem, vec![object, index], ty),
                _ => {
                    let op = Op::Call {
                        helper: HelperId::StrItem,
                        outputs: 0,
                    };
                    self.emit_raising(op, vec![object, index], Type::of(Kind::STR))
                        .expect("a string")
                }
            };
            self.release(object);
            self.push_value(item);
            return Ok(Flow::Next);
        }
        if self.is_of_dict(instr, &container) {
            return self.dict_item(instr, &container, &index);
        }
        if let Some(flow) = self.item_by_method(instr, &[container.clone(), index.clone()])? {
            return Ok(flow);
        }
        let helper = match instr.special {
            Some(Special::SubscrGetitem) => HelperId::GetItemByMethod,
            _ => HelperId::GetItem,
        };
        self.generic_of(instr, &[container, index], helper)
    }

    /// Whether an item is an int, as the interpreter expects or else as is likely, and not known to be something else.
    fn is_index(&self, item: &Item, expected: bool) -> bool {
        let kinds = self.kinds(item);
        (expected && kinds.intersects(Kind::INT | Kind::BOOL))
            || self.likely_kinds(item) == Kind::INT
    }

    /// The index, counted from the end if it is a negative constant, or with `wraps` if it is negative; exits where it is
    /// out of range.
    pub(super) fn index_in_range(
        &mut self,
        object: Value,
        kind: Kind,
        index: Value,
        wraps: bool,
    ) -> Value {
        let int = Type::of(Kind::INT);
        let length = match kind {
            Kind::LIST => self.emit(Op::Load(Field::ListLen), vec![object], int),
            Kind::TUPLE => self.emit(Op::Load(Field::TupleLen), vec![object], int),
            Kind::STR => self.helper(HelperId::StrLen, vec![object]),
            _ => self.helper(HelperId::BufferLen, vec![object]),
        };
        if let Some(Op::Int(constant)) = self.func.def_op(index)
            && *constant < 0
        {
            let index = self.emit(Op::IntAddWrapping, vec![length, index], int);
            self.guard_int(index, Cond::Ge, 0);
            return index;
        }
        let index = if wraps {
            self.counted_from_end(index, length)
        } else {
            index
        };
        self.guard_int(index, Cond::Ge, 0);
        let bit = self.int_cmp(Cond::Lt, index, length);
        self.guard(bit, true);
        index
    }

    /// A negative index counted from the end.
    fn counted_from_end(&mut self, index: Value, length: Value) -> Value {
        let int = Type::of(Kind::INT);
        if matches!(self.func.def_op(index), Some(Op::Int(_))) {
            return index;
        }
        // All ones if it is negative.
        let most = self.int(63);
        let sign = self.helper(HelperId::IntRShift, vec![index, most]);
        let added = self.emit(Op::IntBin(IntOp::And), vec![sign, length], int);
        self.emit(Op::IntAddWrapping, vec![index, added], int)
    }

    /// `container[start:stop]`, where that is a list, tuple or str and the bounds are ints or left out.
    fn slice(&mut self, instr: &Instr) -> Result {
        let items = self.pop_n(3)?;
        let kind = self.likely_kinds(&items[0]);
        let is_bound = |it: &Item| matches!(self.likely_kinds(it), Kind::INT | Kind::NONE);
        let helper = match kind {
            Kind::LIST => HelperId::ListSlice,
            Kind::TUPLE => HelperId::TupleSlice,
            Kind::STR => HelperId::StrSlice,
            _ => return self.binary_slice(instr, items),
        };
        let (Item::Val(object), true) = (
            &items[0],
            self.may_speculate() && is_bound(&items[1]) && is_bound(&items[2]),
        ) else {
            return self.binary_slice(instr, items);
        };
        let object = self.guard_kind(*object, kind);
        let start = self.bound(&items[1], 0)?;
        let stop = self.bound(&items[2], i64::MAX)?;
        self.release(object);
        let op = Op::Call { helper, outputs: 0 };
        let part = self.emit_raising(op, vec![object, start, stop], helper.row().ty);
        self.push_value(part.expect("a sequence"));
        Ok(Flow::Next)
    }

    /// The same in the general way: the slice goes before the container.
    fn binary_slice(&mut self, instr: &Instr, mut items: Vec<Item>) -> Result {
        items.rotate_left(1);
        self.generic_of(instr, &items, HelperId::BinarySlice)
    }

    /// `container[start:stop] = value`, of two lists where the bounds are ints or left out.
    fn store_slice(&mut self, instr: &Instr) -> Result {
        let mut items = self.pop_n(4)?;
        items.rotate_left(1);
        let is_bound = |it: &Item| matches!(self.likely_kinds(it), Kind::INT | Kind::NONE);
        let is_list = |it: &Item| self.likely_kinds(it) == Kind::LIST;
        let known = is_list(&items[0])
            && is_list(&items[3])
            && is_bound(&items[1])
            && is_bound(&items[2])
            && self.may_speculate()
            && !self.is_inlined();
        let (Item::Val(list), Item::Val(value), true) = (&items[0], &items[3], known) else {
            // The slice goes before the value and the container.
            items.rotate_left(1);
            return self.generic_of(instr, &items, HelperId::StoreSlice);
        };
        let list = self.guard_kind(*list, Kind::LIST);
        let value = self.guard_kind(*value, Kind::LIST);
        let start = self.bound(&items[1], 0)?;
        let stop = self.bound(&items[2], i64::MAX)?;
        self.generic(
            instr,
            HelperId::ListStoreSlice,
            vec![list, start, stop, value],
        )
    }

    /// `list[start:stop:step]`: the slice that BUILD_SLICE would make and BINARY_SUBSCR behind it would take apart is not
    /// made. None where it is not known to be that.
    pub(super) fn list_slice_by(
        &mut self,
        instr: &Instr,
        parts: &[Item],
    ) -> std::result::Result<Option<Flow>, crate::build::Refusal> {
        let infos = self.infos.clone();
        let code = &infos[self.frame().code].code;
        let (Some(next), false) = (code.at(instr.end), self.is_join(instr.end)) else {
            return Ok(None);
        };
        let Some(Item::Val(list)) = self.frame().stack.last().cloned() else {
            return Ok(None);
        };
        let noted = self.noted(next).and_then(|it| it.get(1));
        let is_list = self.likely_kinds(&Item::Val(list)) == Kind::LIST
            || noted == Some(&martlet_snapshot::Seen::List);
        let is_bound = |it: &Item| matches!(self.likely_kinds(it), Kind::INT | Kind::NONE);
        if next.opcode != Opcode::BinarySubscr
            || !is_list
            || !self.may_speculate()
            || !is_bound(&parts[0])
            || !is_bound(&parts[1])
            || self.likely_kinds(&parts[2]) != Kind::INT
        {
            return Ok(None);
        }
        self.frame_mut().stack.pop();
        let list = self.guard_kind(list, Kind::LIST);
        let is_given = |it: &Item| u32::from(self.likely_kinds(it) == Kind::INT);
        let given = is_given(&parts[0]) | is_given(&parts[1]) << 1;
        let start = self.bound(&parts[0], 0)?;
        let stop = self.bound(&parts[1], 0)?;
        let step = self.bound(&parts[2], 1)?;
        self.guard_int(step, Cond::Ne, 0);
        let given = self.number(given);
        self.release(list);
        let op = Op::Call {
            helper: HelperId::ListSliceBy,
            outputs: 0,
        };
        let args = vec![list, start, stop, step, given];
        let part = self.emit_raising(op, args, Type::of(Kind::LIST));
        self.push_value(part.expect("a list"));
        Ok(Some(Flow::Goto(next.end)))
    }

    /// A bound of a slice as a raw integer, `none` where it is left out.
    fn bound(
        &mut self,
        item: &Item,
        none: i64,
    ) -> std::result::Result<Value, crate::build::Refusal> {
        let kind = self.likely_kinds(item);
        let value = self.value(item)?;
        if kind == Kind::INT {
            return Ok(self.unboxed(value, kind));
        }
        self.guard_kind(value, kind);
        Ok(self.int(none))
    }

    fn set_item(&mut self, instr: &Instr) -> Result {
        if instr.special.is_none() {
            self.note_operands(instr);
        }
        let index = self.pop()?;
        let container = self.pop()?;
        let value = self.pop()?;
        let special =
            instr.special.filter(|_| self.may_speculate()) == Some(Special::StoreSubscrListInt);
        let is_list = special || self.likely_kinds(&container) == Kind::LIST;
        let is_int = self.is_index(&index, special);
        let kind = self.likely_kinds(&container);
        let is_buffer = kind.is_single() && (Kind::BUFFER - Kind::BYTES).contains(kind);
        if is_int && is_buffer && self.may_speculate() {
            return self.store_buffer_item(instr, [&container, &index, &value], kind);
        }
        let wraps = !special || self.failures() > 0;
        if let (Item::Val(list), Item::Val(index), true) = (
            &container,
            &index,
            is_list && is_int && self.may_speculate(),
        ) {
            let list = self.guard_kind(*list, Kind::LIST);
            let index = self.unboxed(*index, Kind::INT);
            let index = self.index_in_range(list, Kind::LIST, index, wraps);
            let quiet = self.emit(Op::ItemQuiet, vec![list, index], Type::of(Kind::BOOL));
            self.guard(quiet, true);
            let value = self.value(&value)?;
            self.release_giving(list, &[value]);
            self.store_item(list, index, value);
            return Ok(Flow::Next);
        }
        if self.is_of_dict(instr, &container) && !self.is_inlined() {
            return self.set_dict_item(instr, [&container, &index, &value]);
        }
        let operands = [container.clone(), index.clone(), value.clone()];
        if let Some(flow) = self.item_by_method(instr, &operands)? {
            return Ok(flow);
        }
        self.generic_of(instr, &[value, container, index], HelperId::SetItem)
    }

    fn store_item(&mut self, list: Value, index: Value, value: Value) {
        match self.func.rep(value) {
            // A number that has no box: where the list alone owns the old one, that is written into.
            Rep::F64 if self.is_unshared(value) => {
                self.emit_raising(Op::ListStoreFloat, vec![list, index, value], Type::ANY);
            }
            Rep::I64 if self.is_unshared(value) => {
                self.emit_raising(Op::ListStoreInt, vec![list, index, value], Type::ANY);
            }
            _ => {
                let value = self.boxed(value);
                self.emit_unit(Op::ListStore, vec![list, index, value]);
            }
        }
    }

    /// `a + b` of small numbers, exits on overflow.
    pub(super) fn int_sub(&mut self, a: Value, b: Value) -> Value {
        self.emit_exiting(Op::IntBin(IntOp::Sub), vec![a, b], Type::of(Kind::INT))
            .expect("a difference")
    }
}
