//! What is found out without running any Python code, where the general way would have to be ready for some: lookups in
//! dictionaries and sets, and calls of C functions that are understood. The general way stands beside, on a cold path.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Special};
use crate::hir::{Cond, HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::{ObjId, Object};

/// The general way: a helper that takes its operands over.
struct General {
    helper: HelperId,
    args: Vec<Value>,
    /// Its bit is negated.
    negates: bool,
}

impl General {
    fn attr(object: Value, name: Value) -> Self {
        Self {
            helper: HelperId::GetAttrOwned,
            args: vec![object, name],
            negates: false,
        }
    }
}

type Understood = std::result::Result<Option<Flow>, Refusal>;

impl Builder<'_> {
    /// `container[key]`, probably of a dictionary.
    pub(super) fn dict_item(&mut self, instr: &Instr, container: &Item, key: &Item) -> Result {
        let (container, key) = (self.obj(container)?, self.obj(key)?);
        let operands = [container, key];
        let found = self.found(HelperId::QuickDictItem, operands.to_vec(), Type::ANY);
        let general = General {
            helper: HelperId::GetItemOwned,
            args: operands.to_vec(),
            negates: false,
        };
        self.found_or(instr, found, &operands, general);
        Ok(Flow::Next)
    }

    /// An attribute that a probe has found, or else what the general way gives.
    pub(super) fn attr_or(&mut self, instr: &Instr, object: Value, name: Value, found: Value) {
        self.found_or(instr, found, &[object], General::attr(object, name));
    }

    /// An attribute in the general way, on the block at hand alone. The object is let go of.
    pub(super) fn attr_generally(
        &mut self,
        instr: &Instr,
        object: Value,
        name: Value,
    ) -> Option<Value> {
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        let general = General::attr(object, name);
        let value = self.generally(instr, general, Type::ANY);
        (self.frames, self.boxes) = (frames, boxes);
        value
    }

    /// `container[key] = value`, probably of a dictionary.
    pub(super) fn set_dict_item(
        &mut self,
        instr: &Instr,
        [container, key, value]: [&Item; 3],
    ) -> Result {
        let (container, key) = (self.obj(container)?, self.obj(key)?);
        let value = self.obj(value)?;
        self.release_giving(container, &[key, value]);
        self.release(key);
        let args = vec![container, key, value];
        let done = self.tried(HelperId::QuickDictStore, args.clone());
        let general = General {
            helper: HelperId::SetItemOwned,
            args,
            negates: false,
        };
        self.either(instr, done, general, |_| None);
        Ok(Flow::Next)
    }

    /// `item in container`, probably a dictionary, set, list or tuple.
    pub(super) fn contains_quickly(
        &mut self,
        instr: &Instr,
        container: Value,
        item: Value,
    ) -> Result {
        let operands = [container, item];
        let negates = instr.arg & 1 != 0;
        let (bit, ok) = self.bit_and_ok(HelperId::QuickContains, operands.to_vec(), negates);
        let general = General {
            helper: HelperId::ContainsOwned,
            args: operands.to_vec(),
            negates,
        };
        self.either(instr, ok, general, |b| b.letting_go(&operands, bit));
        Ok(Flow::Next)
    }

    /// `a == b` or `a != b`, probably of objects that no Python code compares: as a bit, or what they compare to.
    pub(super) fn equal_quickly(
        &mut self,
        instr: &Instr,
        cond: Cond,
        operands: [Value; 2],
        as_bit: bool,
    ) {
        let (bit, ok) = self.bit_and_ok(
            HelperId::QuickEqual,
            operands.to_vec(),
            matches!(cond, Cond::Ne),
        );
        let number = self.number(cond.number());
        let general = General {
            helper: match as_bit {
                true => HelperId::CompareBoolOwned,
                false => HelperId::CompareOwned,
            },
            args: vec![operands[0], operands[1], number],
            negates: false,
        };
        self.either(instr, ok, general, |b| {
            let result = match as_bit {
                true => bit,
                false => b.emit(Op::BoxBool, vec![bit], Type::ANY),
            };
            b.letting_go(&operands, result)
        });
        if let Some(Item::Val(result)) = self.frame().stack.last() {
            self.hints.insert(*result, Kind::BOOL);
        }
    }

    /// The truth of an object, probably one that needs no Python code to tell.
    pub(super) fn truth_quickly(&mut self, instr: &Instr, value: Value) -> Result {
        if self.left_head()? {
            return Ok(Flow::Ended);
        }
        let (bit, ok) = self.bit_and_ok(HelperId::QuickTruth, vec![value], false);
        let general = General {
            helper: HelperId::IsTrueOwned,
            args: vec![value],
            negates: false,
        };
        self.either(instr, ok, general, |b| b.letting_go(&[value], bit));
        Ok(Flow::Next)
    }

    /// A method of a builtin class, called with its object and these arguments.
    pub(super) fn builtin_method(
        &mut self,
        instr: &Instr,
        method: ObjId,
        (class, name): (&str, &str),
        args: &[Item],
    ) -> Understood {
        let known = matches!(
            (class, name, args.len()),
            ("dict", "get", 2 | 3) | ("list", "append", 2) | ("list", "pop", 1) | ("set", "add", 2)
        );
        if !known {
            return Ok(None);
        }
        if self.left_head()? {
            return Ok(Some(Flow::Ended));
        }
        if self.only_looks() && name != "get" {
            self.exit("inlined");
            return Ok(Some(Flow::Ended));
        }
        let mut values = Vec::new();
        for arg in args {
            values.push(self.obj(arg)?);
        }
        let general = self.general_call(method, &values);
        match name {
            "get" => {
                let fallback = match values.get(2) {
                    Some(fallback) => *fallback,
                    None => self.helper(HelperId::LoadNone, vec![]),
                };
                let lookup = vec![values[0], values[1], fallback];
                let found = self.found(HelperId::QuickDictGet, lookup, Type::ANY);
                self.found_or(instr, found, &values, general);
            }
            "append" => {
                self.release_giving(values[0], &values[1..]);
                self.call_helper(HelperId::ListAppend, values);
                let none = self.helper(HelperId::LoadNone, vec![]);
                self.push_value(none);
            }
            "pop" => {
                self.release(values[0]);
                let can = self.helper(HelperId::ListCanPop, values.clone());
                self.either(instr, can, general, |b| {
                    b.call_helper(HelperId::ListPop, values)
                });
            }
            _ => {
                self.release_all(args);
                let done = self.tried(HelperId::QuickSetAdd, values);
                let none = self.helper(HelperId::LoadNone, vec![]);
                self.either(instr, done, general, |_| Some(none));
            }
        }
        Ok(Some(Flow::Next))
    }

    /// `isinstance(value, classes)`.
    pub(super) fn is_instance(
        &mut self,
        instr: &Instr,
        function: ObjId,
        args: &[Item],
    ) -> Understood {
        if self.left_head()? {
            return Ok(Some(Flow::Ended));
        }
        let values = [self.obj(&args[0])?, self.obj(&args[1])?];
        let (bit, ok) = self.bit_and_ok(HelperId::QuickIsInstance, values.to_vec(), false);
        let general = self.general_call(function, &values);
        self.either(instr, ok, general, |b| b.letting_go(&values, bit));
        Ok(Some(Flow::Next))
    }

    /// The truth of an item; exits where only Python code could tell.
    pub(super) fn truth_without_running(
        &mut self,
        item: &Item,
        instr: &Instr,
    ) -> std::result::Result<Value, Refusal> {
        if let Some(bit) = self.truth(item, instr)? {
            return Ok(bit);
        }
        let value = self.obj(item)?;
        let (bit, ok) = self.bit_and_ok(HelperId::QuickTruth, vec![value], false);
        self.guard(ok, true);
        self.release(value);
        Ok(bit)
    }

    /// `type(value)`.
    pub(super) fn type_of(&mut self, item: &Item) -> Understood {
        let value = self.obj(item)?;
        let found = self.found(HelperId::TypeOf, vec![value], Type::ANY);
        let class = self.not_null(found);
        self.release(value);
        self.push_value(class);
        Ok(Some(Flow::Next))
    }

    /// An integer that a C function tells of one object, and a helper of the usual ones.
    pub(super) fn int_of(
        &mut self,
        instr: &Instr,
        function: ObjId,
        helper: HelperId,
        args: &[Item],
    ) -> Understood {
        if self.left_head()? {
            return Ok(Some(Flow::Ended));
        }
        let value = self.obj(&args[0])?;
        let multi = self.helper(helper, vec![value]);
        let ok = self.emit(Op::Second, vec![multi], Type::of(Kind::BOOL));
        let raw = self.emit(Op::First, vec![multi], Type::of(Kind::INT));
        let general = self.general_call(function, &[value]);
        self.either(instr, ok, general, |b| {
            let result = b.boxed(raw);
            b.letting_go(&[value], result)
        });
        Ok(Some(Flow::Next))
    }

    /// `id(value)`.
    pub(super) fn identity(&mut self, instr: &Instr, function: ObjId, args: &[Item]) -> Understood {
        if self.left_head()? {
            return Ok(Some(Flow::Ended));
        }
        let value = self.obj(&args[0])?;
        let found = self.found(HelperId::QuickId, vec![value], Type::of(Kind::INT));
        let general = self.general_call(function, &[value]);
        self.found_or(instr, found, &[value], general);
        Ok(Some(Flow::Next))
    }

    /// `math.sqrt(x)`, probably of a float.
    pub(super) fn square_root(&mut self, args: &[Item]) -> Understood {
        match args {
            [Item::Val(value)] if self.likely_kinds(&args[0]) == Kind::FLOAT => {
                let raw = self.unboxed(*value, Kind::FLOAT);
                let root = self.checked_helper(HelperId::FloatSqrt, vec![raw]);
                self.push_value(root);
                Ok(Some(Flow::Next))
            }
            _ => Ok(None),
        }
    }

    /// `chr(number)`.
    pub(super) fn chr(&mut self, item: &Item) -> Understood {
        let Item::Val(value) = item else {
            return Ok(None);
        };
        let raw = self.unboxed(*value, Kind::INT);
        let found = self.found(HelperId::QuickChr, vec![raw], Type::of(Kind::STR));
        let text = self.not_null(found);
        self.push_value(text);
        Ok(Some(Flow::Next))
    }

    /// Whether the current bytecode's feedback, or what is known of the operand, speaks of a dictionary.
    pub(super) fn is_of_dict(&self, instr: &Instr, container: &Item) -> bool {
        let seen = matches!(
            instr.special,
            Some(Special::SubscrDict | Special::StoreSubscrDict)
        );
        self.may_speculate() && (seen || self.likely_kinds(container) == Kind::DICT)
    }

    /// The same for a dictionary, set, list or tuple on the right of `in`.
    pub(super) fn is_in_table(&self, instr: &Instr, container: &Item) -> bool {
        let seen = matches!(
            instr.special,
            Some(Special::ContainsDict | Special::ContainsSet)
        );
        // What only looks may ask whatever it is.
        let is_it = seen || self.only_looks() || is_table(self.likely_kinds(container));
        self.may_speculate() && is_it
    }

    /// A call in the general way. It takes the operands over, so that they cost nothing on the quick way.
    fn general_call(&mut self, callee: ObjId, args: &[Value]) -> General {
        let mut operands = vec![self.constant(callee), self.null()];
        operands.extend(args);
        General {
            helper: HelperId::Call,
            args: operands,
            negates: false,
        }
    }

    /// Asks a helper that gives an object or NULL.
    fn found(&mut self, helper: HelperId, args: Vec<Value>, ty: Type) -> Value {
        let ty = Type {
            kinds: ty.kinds | Kind::NULL,
            object: None,
        };
        self.emit(Op::Call { helper, outputs: 0 }, args, ty)
    }

    fn not_null(&mut self, found: Value) -> Value {
        let ty = Type::of(self.func.ty(found).kinds & Kind::ANY);
        self.emit_exiting(Op::GuardNotNull, vec![found], ty)
            .expect("the same reference")
    }

    /// Calls a helper that does something, or says that it did not.
    pub(super) fn tried(&mut self, helper: HelperId, args: Vec<Value>) -> Value {
        let op = Op::Call { helper, outputs: 0 };
        self.emit_raising(op, args, Type::of(Kind::BOOL))
            .expect("a bit")
    }

    /// Asks a helper that gives a number that is 0 or 1, and whether it is right: that bit, or its opposite, and whether.
    fn bit_and_ok(&mut self, helper: HelperId, args: Vec<Value>, negates: bool) -> (Value, Value) {
        let multi = self.helper(helper, args);
        let ok = self.emit(Op::Second, vec![multi], Type::of(Kind::BOOL));
        let number = self.emit(Op::First, vec![multi], Type::of(Kind::INT));
        let zero = self.int(0);
        let cond = if negates { Cond::Eq } else { Cond::Ne };
        (self.int_cmp(cond, number, zero), ok)
    }

    /// Goes on with an object that was found, or where it is NULL, with what the general way gives.
    fn found_or(&mut self, instr: &Instr, found: Value, operands: &[Value], general: General) {
        let none = self.emit(Op::IsNull, vec![found], Type::of(Kind::BOOL));
        let done = self.emit(Op::Not, vec![none], Type::of(Kind::BOOL));
        self.either(instr, done, general, |b| {
            let found = b.not_null(found);
            b.letting_go(operands, found)
        });
    }

    /// The result, behind letting go of operands.
    fn letting_go(&mut self, operands: &[Value], result: Value) -> Option<Value> {
        let items: Vec<Item> = operands.iter().copied().map(Item::Val).collect();
        self.release_all(&items);
        Some(result)
    }

    /// Goes on with the result of `quick` where the bit says so, else, on a cold path, with what the general way gives;
    /// the result is pushed. An inlined function, which nobody could see, leaves instead.
    fn either(
        &mut self,
        instr: &Instr,
        done: Value,
        general: General,
        quick: impl FnOnce(&mut Self) -> Option<Value>,
    ) {
        if self.is_inlined() {
            self.guard(done, true);
            if let Some(result) = quick(self) {
                self.push_value(result);
            }
            return;
        }
        let [hot, cold, next] = [(); 3].map(|()| self.func.add_block(self.offset));
        self.func.blocks[cold].cold = true;
        let to = |block, args| Target { block, args };
        self.end(Term::Branch {
            cond: done,
            then: to(hot, vec![]),
            other: to(cold, vec![]),
            likely: Some(true),
        });
        let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
        self.block = hot;
        let result = quick(self);
        self.end(Term::Jump(to(next, result.into_iter().collect())));
        self.frames.clone_from(&frames);
        self.boxes.clone_from(&boxes);
        self.block = cold;
        // Of one kind is what the C function always gives.
        let kinds = result.map(|result| self.func.ty(result).kinds);
        let ty = kinds.filter(|kinds| kinds.is_single());
        let ty = ty.map_or(general.helper.row().ty, Type::of);
        let other = self.generally(instr, general, ty);
        let rep = result.map(|result| self.func.rep(result));
        let other = other.map(|other| match rep {
            Some(Rep::I1) if self.func.rep(other) == Rep::Obj => {
                self.emit(Op::UnboxBool, vec![other], ty)
            }
            _ => other,
        });
        self.end(Term::Jump(to(next, other.into_iter().collect())));
        self.frames = frames;
        self.boxes = boxes;
        self.forget_cached();
        self.block = next;
        if let Some(rep) = rep {
            let param = self.func.add_param(next, rep, ty);
            self.push_value(param);
        }
    }

    /// Does it in the general way, on the block at hand alone.
    fn generally(&mut self, instr: &Instr, general: General, ty: Type) -> Option<Value> {
        let General { helper, args, .. } = general;
        self.note_operands(instr);
        self.before_run();
        let mut result = self.emit_raising(Op::Call { helper, outputs: 0 }, args, ty);
        if general.negates {
            result = result.map(|bit| self.emit(Op::Not, vec![bit], ty));
        }
        if let Some(result) = result {
            self.push_value(result);
        }
        self.after_run(instr.end);
        result
    }
}

/// Whether it is quick to look whether an item is in an object of this kind.
pub(super) fn is_table(kind: Kind) -> bool {
    [Kind::DICT, Kind::SET, Kind::LIST, Kind::TUPLE].contains(&kind)
}

/// Whether what [`is_understood`] knows changes the object that it is a method of.
pub(super) fn changes_its_object(object: &Object) -> bool {
    matches!(object, Object::MethodDescriptor { class, .. } if class != "dict")
}

/// Whether calls of an object are probably done without running any Python code.
pub(super) fn is_understood(object: &Object) -> bool {
    match object {
        Object::Builtin { module, name } => match module.as_str() {
            "builtins" => matches!(
                name.as_str(),
                "len" | "isinstance" | "id" | "ord" | "min" | "max" | "chr" | "abs"
            ),
            "math" => name == "sqrt",
            _ => false,
        },
        Object::Type {
            name,
            builtin: true,
        } => matches!(name.as_str(), "float" | "int" | "str" | "type"),
        Object::MethodDescriptor { class, name } => is_understood_method(class, name),
        _ => false,
    }
}

fn is_understood_method(class: &str, name: &str) -> bool {
    matches!(
        (class, name),
        ("dict", "get") | ("list", "append" | "pop") | ("set", "add")
    )
}
