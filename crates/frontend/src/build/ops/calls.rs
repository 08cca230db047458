//! Calls: known builtins understood, the rest by the calling protocol. Python functions: see `inlining`.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::{Field, Item};
use crate::bytecode::{CallKind, Instr, Opcode, Special};
use crate::hir::{HelperId, Kind, Op, Rep, Type, Value};
use martlet_snapshot::{FunctionInfo, ObjId, Object, Site, VirtualKind};

/// CALL_INTRINSIC_1's argument where an asynchronous generator yields.
const ASYNC_GEN_WRAP: u32 = 4;

/// Where the value of a parameter comes from.
pub(super) enum Source {
    /// An argument of the call.
    Argument(usize),
    /// A default value.
    Default(u32),
}

/// Where each parameter of a function finds its value in a call with so many arguments, the last of them named; none
/// where the call is an error.
pub(super) fn arrange(
    info: &FunctionInfo,
    given: usize,
    keywords: &[String],
) -> Option<Vec<Source>> {
    let positional = given - keywords.len();
    let n_params = info.arg_count as usize;
    let first_default = n_params.checked_sub(info.n_defaults as usize)?;
    let named = |keyword: &String| info.arg_names.iter().position(|it| it == keyword);
    let fits = keywords.iter().enumerate().all(|(index, keyword)| {
        !keywords[..index].contains(keyword)
            && named(keyword)
                .is_some_and(|at| at >= positional && at >= info.pos_only_arg_count as usize)
    });
    if positional > n_params || !fits {
        return None;
    }
    (0..n_params)
        .map(|param| {
            let by_name = || keywords.iter().position(|it| named(it) == Some(param));
            if param < positional {
                Some(Source::Argument(param))
            } else if let Some(index) = by_name() {
                Some(Source::Argument(positional + index))
            } else {
                let index = param.checked_sub(first_default)?;
                Some(Source::Default(index as u32))
            }
        })
        .collect()
}

impl Builder<'_> {
    pub(super) fn calling(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::Call => self.call(instr),
            Opcode::CallKw => self.call_kw(instr),
            Opcode::CallFunctionEx => {
                let kwargs = if instr.arg & 1 != 0 {
                    self.pop()?
                } else {
                    Item::Null
                };
                let args = self.pop()?;
                self.pop()?; // NULL
                let callable = self.pop()?;
                self.generic_of(instr, &[callable, args, kwargs], HelperId::CallEx)
            }
            Opcode::MakeFunction => self.make_function(instr),
            Opcode::SetFunctionAttribute => self.set_function_attribute(instr),
            Opcode::CallIntrinsic1 => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                if instr.arg == ASYNC_GEN_WRAP {
                    return self.generic(instr, HelperId::AsyncItem, vec![value]);
                }
                let which = self.number(instr.arg);
                self.generic(instr, HelperId::Intrinsic1, vec![which, value])
            }
            _ => {
                let items = self.pop_n(2)?;
                let (first, second) = (self.obj(&items[0])?, self.obj(&items[1])?);
                let which = self.number(instr.arg);
                self.generic(instr, HelperId::Intrinsic2, vec![which, first, second])
            }
        }
    }

    fn call(&mut self, instr: &Instr) -> Result {
        if instr.arg == 0
            && let Some(flow) = self.fused(instr)?
        {
            return Ok(flow);
        }
        let args = self.pop_n(instr.arg)?;
        let (callable, bound) = self.callee()?;
        if let Some(flow) = self.call_of_known(instr, &callable, &bound, &args, &[])? {
            return Ok(flow);
        }
        self.note_callee(instr, instr.arg + 1);
        let mut items = vec![callable, bound];
        items.extend(args);
        self.call_awaited(instr, &mut items)?;
        self.generic_of(instr, &items, HelperId::Call)
    }

    fn call_kw(&mut self, instr: &Instr) -> Result {
        let names = self.pop()?;
        let args = self.pop_n(instr.arg)?;
        let (callable, bound) = self.callee()?;
        if let Some(keywords) = self.texts(&names)
            && let Some(flow) = self.call_of_known(instr, &callable, &bound, &args, &keywords)?
        {
            return Ok(flow);
        }
        self.note_callee(instr, instr.arg + 2);
        let mut items = vec![callable, bound, names];
        items.extend(args);
        self.generic_of(instr, &items, HelperId::CallKw)
    }

    /// Takes what is called off the stack, and the object that it is bound to or NULL. A method that was not made is not
    /// made for its call.
    fn callee(&mut self) -> std::result::Result<(Item, Item), Refusal> {
        let bound = self.pop()?;
        let callable = self.pop()?;
        if let (Item::Virtual(VirtualKind::Method, fields), Item::Null) = (&callable, &bound)
            && let [Field::Item(function), Field::Item(object)] = &fields[..]
        {
            return Ok((function.clone(), object.clone()));
        }
        Ok((callable, bound))
    }

    /// The strings in a constant tuple, if they are known.
    fn texts(&self, item: &Item) -> Option<Vec<String>> {
        let Item::Val(value) = item else {
            return None;
        };
        let Object::Tuple(ids) = self.object(self.func.ty(*value).object?)? else {
            return None;
        };
        let text = |id: &ObjId| match self.object(*id) {
            Some(Object::Str(text)) => text.clone(),
            _ => None,
        };
        ids.iter().map(text).collect()
    }

    /// A call of something that is known, with the last arguments named; none if nothing better than the general way is.
    fn call_of_known(
        &mut self,
        instr: &Instr,
        callable: &Item,
        bound: &Item,
        args: &[Item],
        keywords: &[String],
    ) -> std::result::Result<Option<Flow>, Refusal> {
        if let Item::Val(function) = callable
            && self.told_apart.contains(function)
        {
            self.returns.insert((self.frame().code, instr.end));
        }
        if !self.may_speculate() {
            return Ok(None);
        }
        if let Item::Val(function) = callable
            && let Some(id) = self.func.ty(*function).object
            && (*bound == Item::Null || !self.kinds(bound).contains(Kind::NULL))
        {
            let mut all: Vec<Item> = Vec::new();
            all.extend((*bound != Item::Null).then(|| bound.clone()));
            all.extend(args.iter().cloned());
            if let Some(flow) = self.known_call(instr, *function, id, &all, keywords)? {
                return Ok(Some(flow));
            }
        }
        if *bound != Item::Null {
            return Ok(None);
        }
        if let Some((id, is_bound)) = self.callee_at(instr)
            && let Item::Val(callable) = callable
            && self.failures() == 0
            && !self.is_plain()
        {
            return self.call_of_likely(instr, *callable, (id, is_bound), args, keywords);
        }
        self.instantiate(instr, callable, args, keywords)
    }

    /// The Python function that was called where nothing is known of the object that is called, and whether it was bound.
    fn callee_at(&self, instr: &Instr) -> Option<(ObjId, bool)> {
        let called = match instr.special {
            Some(Special::Call { kind, .. }) => kind,
            _ => CallKind::NonPyGeneral,
        };
        match self.site(instr)? {
            Site::Called { function, is_bound } => Some((*function, *is_bound)),
            Site::Callee(id) => match called {
                CallKind::PyExactArgs | CallKind::PyGeneral => Some((*id, false)),
                CallKind::BoundMethodExactArgs | CallKind::BoundMethodGeneral => Some((*id, true)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A call of an object that is probably this Python function, or bound to one. What else it is is called in the general
    /// way, but in inlined code, where that would be an exit.
    fn call_of_likely(
        &mut self,
        instr: &Instr,
        callable: Value,
        (id, is_bound): (ObjId, bool),
        args: &[Item],
        keywords: &[String],
    ) -> std::result::Result<Option<Flow>, Refusal> {
        let given = args.len() + usize::from(is_bound);
        let fits = |it: &FunctionInfo| it.simple && arrange(it, given, keywords).is_some();
        let code = match self.object(id) {
            Some(Object::Function(info)) if fits(info) => info.code,
            _ => return Ok(None),
        };
        if self.func.rep(callable) != Rep::Obj {
            return Ok(None);
        }
        if !self.is_inlined() {
            self.returns.insert((self.frame().code, instr.end));
            let code = self.constant(code);
            let helper = match is_bound {
                true => HelperId::MethodHasCode,
                false => HelperId::FunctionHasCode,
            };
            let is_it = self.helper(helper, vec![callable, code]);
            self.leave_rest(is_it, false);
            if let Some(rest) = self.work.last() {
                self.func.blocks[rest.block].cold = true;
            }
        }
        if !is_bound {
            return self.known_call(instr, callable, id, args, keywords);
        }
        let function = self.probe(HelperId::MethodFunction, vec![callable], Type::ANY);
        let object = self.probe(HelperId::MethodSelf, vec![callable], Type::ANY);
        self.release(callable);
        let mut all = vec![Item::Val(object)];
        all.extend_from_slice(args);
        self.known_call(instr, function, id, &all, keywords)
    }

    /// A call whose callee was guarded to be this object; none if nothing better is known than the general way.
    fn known_call(
        &mut self,
        instr: &Instr,
        function: Value,
        id: ObjId,
        args: &[Item],
        keywords: &[String],
    ) -> std::result::Result<Option<Flow>, Refusal> {
        match self.object(id) {
            Some(Object::Function(info)) if info.simple => {
                let info = info.clone();
                let Some(plan) = arrange(&info, args.len(), keywords) else {
                    return Ok(None);
                };
                // The arguments may have run code that gave the function another one.
                let ty = self.func.ty(function);
                let function = self
                    .emit_exiting(Op::GuardCode(info.code), vec![function], ty)
                    .expect("the same reference");
                let args = self.arranged(function, &info, args, &plan);
                self.python_function(instr, function, &info, &args)
            }
            _ if !keywords.is_empty() => Ok(None),
            Some(Object::Type {
                name,
                builtin: true,
            }) => self.builtin_class(instr, &name.clone(), args),
            Some(Object::Builtin { module, name }) if module == "builtins" => {
                self.builtin_function(instr, id, &name.clone(), args)
            }
            Some(Object::Builtin { module, name }) if module == "math" && name == "sqrt" => {
                self.square_root(args)
            }
            Some(Object::MethodDescriptor { class, name }) => {
                self.builtin_method(instr, id, (class, name), args)
            }
            _ => Ok(None),
        }
    }

    /// The arguments in the order of the parameters, with default values where none is given.
    pub(super) fn arranged(
        &mut self,
        function: Value,
        info: &FunctionInfo,
        args: &[Item],
        plan: &[Source],
    ) -> Vec<Item> {
        let source = |it: &Source| match *it {
            Source::Argument(index) => args[index].clone(),
            Source::Default(index) => {
                let (n, index) = (self.number(info.n_defaults), self.number(index));
                let args = vec![function, n, index];
                Item::Val(self.probe(HelperId::ProbeDefault, args, Type::ANY))
            }
        };
        plan.iter().map(source).collect()
    }

    fn builtin_class(
        &mut self,
        instr: &Instr,
        name: &str,
        args: &[Item],
    ) -> std::result::Result<Option<Flow>, Refusal> {
        let infos = self.infos.clone();
        let next = infos[self.frame().code].code.at(instr.end);
        let iterated = next.is_some_and(|next| next.opcode == Opcode::GetIter);
        match (name, args) {
            ("range", _) if iterated => self.virtual_range(args),
            ("enumerate", [iterable]) if iterated => self.virtual_enumerate(iterable),
            ("float", [Item::Val(value)]) => {
                let kind = self.kinds(&args[0]);
                if !matches!(kind, Kind::INT | Kind::FLOAT | Kind::BOOL) {
                    return Ok(None);
                }
                let raw = self.raw_float(*value, kind);
                self.push_value(raw);
                Ok(Some(Flow::Next))
            }
            ("type", [item]) => self.type_of(item),
            ("str", [Item::Val(value)]) if self.likely_kinds(&args[0]) == Kind::STR => {
                let text = self.guard_kind(*value, Kind::STR);
                self.push_value(text);
                Ok(Some(Flow::Next))
            }
            ("int", [Item::Val(value)]) if self.kinds(&args[0]) == Kind::INT => {
                self.push_value(*value);
                Ok(Some(Flow::Next))
            }
            _ => Ok(None),
        }
    }

    /// `range(...)` over numbers, whose iterator is about to be asked for.
    fn virtual_range(&mut self, args: &[Item]) -> std::result::Result<Option<Flow>, Refusal> {
        let likely = |b: &Self, item: &Item| {
            let kinds = b.likely_kinds(item);
            kinds == Kind::INT || (kinds.contains(Kind::INT) && matches!(item, Item::Val(_)))
        };
        if args.is_empty() || args.len() > 3 || !args.iter().all(|arg| likely(self, arg)) {
            return Ok(None);
        }
        let mut raws = Vec::new();
        for arg in args {
            let Item::Val(value) = arg else {
                return Ok(None);
            };
            raws.push(self.unboxed(*value, Kind::INT));
        }
        let (start, stop, step) = match raws[..] {
            [stop] => (self.int(0), stop, self.int(1)),
            [start, stop] => (start, stop, self.int(1)),
            _ => (raws[0], raws[1], raws[2]),
        };
        let Some(Op::Int(by)) = self.func.def_op(step).copied() else {
            return Ok(None);
        };
        if by == 0 || by == i64::MIN {
            return Ok(None);
        }
        let length = self.range_length(start, stop, by);
        let fields = vec![Field::Raw(start), Field::Raw(length), Field::Raw(step)];
        self.push(Item::Virtual(VirtualKind::RangeIter, fields));
        Ok(Some(Flow::Next))
    }

    /// How many items a range has; less than one means none.
    fn range_length(&mut self, start: Value, stop: Value, step: i64) -> Value {
        if step == 1 {
            if let Some(Op::Int(0)) = self.func.def_op(start) {
                return stop;
            }
            return self.int_sub(stop, start);
        }
        let span = if step > 0 {
            self.int_sub(stop, start)
        } else {
            self.int_sub(start, stop)
        };
        let step = self.int(step.abs());
        let one = self.int(1);
        let span = self.int_sub(span, one);
        let whole = self.helper(HelperId::IntFloorDiv, vec![span, step]);
        self.emit(Op::IntAddWrapping, vec![whole, one], Type::of(Kind::INT))
    }

    /// `enumerate(a list or tuple)`, whose iterator is about to be asked for.
    fn virtual_enumerate(&mut self, iterable: &Item) -> std::result::Result<Option<Flow>, Refusal> {
        let kind = self.likely_kinds(iterable);
        let Item::Val(value) = iterable else {
            return Ok(None);
        };
        if !matches!(kind, Kind::LIST | Kind::TUPLE) {
            return Ok(None);
        }
        let inner = self.sequence_iterator(*value, kind);
        let zero = self.int(0);
        self.push(Item::Virtual(
            VirtualKind::Enumerate,
            vec![Field::Raw(zero), Field::Item(inner)],
        ));
        Ok(Some(Flow::Next))
    }

    fn builtin_function(
        &mut self,
        instr: &Instr,
        function: ObjId,
        name: &str,
        args: &[Item],
    ) -> std::result::Result<Option<Flow>, Refusal> {
        match (name, args) {
            ("len", [item]) => {
                let kind = self.likely_kinds(item);
                let Item::Val(value) = item else {
                    return Ok(None);
                };
                let length = match kind {
                    Kind::LIST | Kind::TUPLE => {
                        let value = self.guard_kind(*value, kind);
                        let field = if kind == Kind::LIST {
                            crate::hir::Field::ListLen
                        } else {
                            crate::hir::Field::TupleLen
                        };
                        let length = self.emit(Op::Load(field), vec![value], Type::of(Kind::INT));
                        self.release(value);
                        length
                    }
                    Kind::STR | Kind::DICT => {
                        let value = self.guard_kind(*value, kind);
                        let helper = if kind == Kind::STR {
                            HelperId::StrLen
                        } else {
                            HelperId::DictLen
                        };
                        let length = self.helper(helper, vec![value]);
                        self.release(value);
                        length
                    }
                    _ => return self.int_of(instr, function, HelperId::QuickLen, args),
                };
                self.push_value(length);
                Ok(Some(Flow::Next))
            }
            ("isinstance", [_, _]) => self.is_instance(instr, function, args),
            ("id", [_]) => self.identity(instr, function, args),
            ("ord", [_]) => self.int_of(instr, function, HelperId::QuickOrd, args),
            ("min" | "max", [Item::Val(one), Item::Val(other)])
                if args.iter().all(|arg| self.likely_kinds(arg) == Kind::INT) =>
            {
                let operands = [*one, *other].map(|it| self.unboxed(it, Kind::INT));
                let helper = if name == "min" {
                    HelperId::IntMin
                } else {
                    HelperId::IntMax
                };
                let result = self.helper(helper, operands.to_vec());
                self.push_value(result);
                Ok(Some(Flow::Next))
            }
            ("chr", [item]) if self.likely_kinds(item) == Kind::INT => self.chr(item),
            ("abs", [Item::Val(value)]) if self.kinds(&args[0]) == Kind::FLOAT => {
                let raw = self.unboxed(*value, Kind::FLOAT);
                let result = self.helper(HelperId::FloatAbs, vec![raw]);
                self.push_value(result);
                Ok(Some(Flow::Next))
            }
            _ => Ok(None),
        }
    }
}
