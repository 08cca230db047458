//! Displays and unpacking, strings, the pieces of pattern matching.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Field, Item};
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{Cond, HelperId, Kind, Op, Type, Value};
use martlet_snapshot::{ObjId, Object, VirtualKind};

impl Builder<'_> {
    pub(super) fn display(&mut self, instr: &Instr) -> Result {
        let arg = instr.arg;
        match instr.opcode {
            Opcode::BuildTuple => {
                let items = self.pop_n(arg)?;
                let fields = items.into_iter().map(Field::Item).collect();
                let tuple = Item::Virtual(VirtualKind::Tuple, fields);
                if arg == 0 {
                    let value = self.obj(&tuple)?;
                    self.push_value(value);
                } else {
                    self.push(tuple);
                }
                Ok(Flow::Next)
            }
            Opcode::UnpackSequence => self.unpack(instr),
            Opcode::UnpackEx => self.unpack_ex(instr),
            Opcode::BuildList => self.build(instr, arg, HelperId::BuildList),
            Opcode::BuildSet => self.build(instr, arg, HelperId::BuildSet),
            Opcode::BuildString => self.build(instr, arg, HelperId::BuildString),
            Opcode::BuildMap => self.build(instr, arg * 2, HelperId::BuildMap),
            Opcode::BuildConstKeyMap => {
                let keys = self.pop()?;
                let mut items = vec![keys];
                items.extend(self.pop_n(arg)?);
                self.generic_of(instr, &items, HelperId::BuildConstKeyMap)
            }
            Opcode::BuildSlice => {
                let mut items = self.pop_n(arg)?;
                items.resize(3, Item::Null);
                if let Some(flow) = self.list_slice_by(instr, &items)? {
                    return Ok(flow);
                }
                self.generic_of(instr, &items, HelperId::BuildSlice)
            }
            Opcode::ListAppend => self.add_to(instr, 1, HelperId::ListAppend),
            Opcode::ListExtend => self.add_to(instr, 1, HelperId::ListExtend),
            Opcode::SetAdd => self.add_to(instr, 1, HelperId::SetAdd),
            Opcode::SetUpdate => self.add_to(instr, 1, HelperId::SetUpdate),
            Opcode::MapAdd => self.add_to(instr, 2, HelperId::MapAdd),
            Opcode::DictUpdate => self.add_to(instr, 1, HelperId::DictUpdate),
            Opcode::DictMerge => self.dict_merge(instr),
            Opcode::FormatSimple => self.of_items(instr, 1, HelperId::FormatSimple),
            Opcode::FormatWithSpec => self.of_items(instr, 2, HelperId::FormatWithSpec),
            Opcode::ConvertValue => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                let which = self.number(arg);
                self.generic(instr, HelperId::ConvertValue, vec![value, which])
            }
            Opcode::GetLen => self.of_top(instr, HelperId::GetLen),
            Opcode::MatchSequence => self.of_top(instr, HelperId::MatchSequence),
            Opcode::MatchKeys => {
                let items = self.pop_n(2)?;
                let (subject, keys) = (self.obj(&items[0])?, self.obj(&items[1])?);
                self.push_value(subject);
                self.push_value(keys);
                self.generic(instr, HelperId::MatchKeys, vec![subject, keys])
            }
            Opcode::MatchClass => {
                let mut args = Vec::new();
                for item in self.pop_n(3)? {
                    args.push(self.obj(&item)?);
                }
                args.push(self.number(arg));
                self.generic(instr, HelperId::MatchClass, args)
            }
            _ => self.of_top(instr, HelperId::MatchMapping),
        }
    }

    fn of_items(&mut self, instr: &Instr, n: u32, helper: HelperId) -> Result {
        let items = self.pop_n(n)?;
        self.generic_of(instr, &items, helper)
    }

    /// A helper on the top of the stack, which stays.
    fn of_top(&mut self, instr: &Instr, helper: HelperId) -> Result {
        let item = self.pop()?;
        let value = self.obj(&item)?;
        self.push_value(value);
        self.generic(instr, helper, vec![value])
    }

    fn build(&mut self, instr: &Instr, n: u32, helper: HelperId) -> Result {
        let items = self.pop_n(n)?;
        self.generic_of(instr, &items, helper)
    }

    /// Adds the top items to the collection that stands `arg` below them.
    fn add_to(&mut self, instr: &Instr, n: u32, helper: HelperId) -> Result {
        let items = self.pop_n(n)?;
        let mut args = vec![self.peek(instr.arg)?];
        for item in &items {
            args.push(self.obj(item)?);
        }
        self.generic(instr, helper, args)
    }

    fn peek(&mut self, depth: u32) -> std::result::Result<Value, Refusal> {
        let index = self.frame().stack.len().checked_sub(depth as usize);
        let item = index.and_then(|index| self.frame().stack.get(index).cloned());
        let item = item.ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))?;
        self.obj(&item)
    }

    /// `DICT_MERGE`: the callable stands below dict, for error messages.
    fn dict_merge(&mut self, instr: &Instr) -> Result {
        let update = self.pop()?;
        let update = self.obj(&update)?;
        let dict = self.peek(instr.arg)?;
        // callable, NULL, positional arguments, dict: PEEK(5 + (arg - 1)) with the update still there.
        let callable = self.peek(instr.arg + 3)?;
        self.generic(instr, HelperId::DictMerge, vec![callable, dict, update])
    }

    fn unpack(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        if let Item::Virtual(VirtualKind::Tuple, fields) = &item
            && fields.len() == instr.arg as usize
        {
            for field in fields.clone().into_iter().rev() {
                if let Field::Item(item) = field {
                    self.push(item);
                }
            }
            return Ok(Flow::Next);
        }
        if let Some(items) = self.constant_items(&item)
            && items.len() == instr.arg as usize
        {
            for id in items.iter().rev() {
                let item = self.constant_item(*id);
                self.push(item);
            }
            return Ok(Flow::Next);
        }
        let special = instr.special.filter(|_| self.may_speculate());
        let kind = match special {
            _ if self.kinds(&item).is_single() => self.kinds(&item),
            Some(Special::UnpackTwoTuple | Special::UnpackTuple) => Kind::TUPLE,
            Some(Special::UnpackList) => Kind::LIST,
            _ => self.likely_kinds(&item),
        };
        if let (Item::Val(value), Kind::TUPLE | Kind::LIST, true) =
            (&item, kind, self.may_speculate())
        {
            self.unpack_known(instr, *value, kind);
            return Ok(Flow::Next);
        }
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let sequence = self.obj(&item)?;
        let n = self.int(i64::from(instr.arg));
        self.unpack_by(
            instr,
            HelperId::UnpackSequence,
            vec![sequence, n],
            instr.arg,
        )
    }

    /// The items of a constant tuple.
    fn constant_items(&self, item: &Item) -> Option<Vec<ObjId>> {
        let Item::Val(value) = item else {
            return None;
        };
        match self.func.def_op(*value) {
            Some(Op::Const(id)) => match self.object(*id) {
                Some(Object::Tuple(items)) => Some(items.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The items of an exact tuple or list of the right length.
    fn unpack_known(&mut self, instr: &Instr, value: Value, kind: Kind) {
        let int = Type::of(Kind::INT);
        let sequence = self.guard_kind(value, kind);
        let (field, op) = if kind == Kind::LIST {
            (crate::hir::Field::ListLen, Op::ListItem)
        } else {
            (crate::hir::Field::TupleLen, Op::TupleItem)
        };
        let length = self.emit(Op::Load(field), vec![sequence], int);
        self.guard_int(length, Cond::Eq, i64::from(instr.arg));
        let targets = self.store_targets(instr);
        let mut items = Vec::new();
        for k in 0..instr.arg {
            let index = self.int(i64::from(k));
            let item = self.emit(op, vec![sequence, index], Type::ANY);
            // A number that goes to a local is unboxed at once, while the sequence still holds it.
            let hint = targets
                .get(k as usize)
                .map(|local| self.infos[self.frame().code].hints[*local as usize]);
            let unbox = matches!(hint, Some(Kind::INT | Kind::FLOAT))
                && self.failures() == 0
                && !self.infos[self.frame().code].identity_matters;
            items.push(match hint {
                Some(kind) if unbox => self.unboxed(item, kind),
                _ => item,
            });
        }
        for item in items.into_iter().rev() {
            self.push_value(item);
        }
    }

    /// The locals that the bytecodes behind store the unpacked items to, first item first; empty if they do not.
    fn store_targets(&self, instr: &Instr) -> Vec<u32> {
        let code = &self.infos[self.frame().code].code;
        let mut targets = Vec::new();
        let mut next = instr.end;
        while let Some(store) = code.at(next) {
            match store.opcode {
                Opcode::StoreFast => targets.push(store.arg),
                Opcode::StoreFastStoreFast => targets.extend([store.arg >> 4, store.arg & 15]),
                Opcode::StoreFastLoadFast => targets.push(store.arg >> 4),
                _ => break,
            }
            next = store.end;
        }
        targets
    }

    /// A helper that gives so many items, the one to be on top first.
    pub(super) fn unpack_by(
        &mut self,
        instr: &Instr,
        helper: HelperId,
        args: Vec<Value>,
        n: u32,
    ) -> Result {
        self.before_run();
        let op = Op::Call { helper, outputs: n };
        let items = self.emit_raising(op, args, Type::ANY).expect("items");
        let values: Vec<Value> = (0..n)
            .map(|k| self.emit(Op::Extract(k), vec![items], Type::ANY))
            .collect();
        for value in values.into_iter().rev() {
            self.push_value(value);
        }
        self.after_run(instr.end);
        Ok(Flow::Next)
    }

    /// Enters a context manager: its `__exit__` is pushed, then what its `__enter__` returned.
    pub(super) fn before_with(&mut self, instr: &Instr) -> Result {
        let manager = self.pop()?;
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let manager = self.obj(&manager)?;
        let helper = match instr.opcode {
            Opcode::BeforeWith => HelperId::BeforeWith,
            _ => HelperId::BeforeAsyncWith,
        };
        self.unpack_by(instr, helper, vec![manager], 2)
    }

    fn unpack_ex(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let sequence = self.obj(&item)?;
        let (before, after) = (instr.arg & 0xff, instr.arg >> 8);
        let args = vec![
            sequence,
            self.int(i64::from(before)),
            self.int(i64::from(after)),
        ];
        self.unpack_by(instr, HelperId::UnpackEx, args, before + 1 + after)
    }
}
