//! Copies a code object, what the interpreter learned of it, and what it names, for the compiler.
//!
//! Beside the snapshot goes a table of addresses, which stays here: see `tables.rs`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use martlet_snapshot::{
    CodeSnapshot, EntryPoint, FunctionInfo, Mode, ObjId, Object, Place, Request, Seen, SeenClass,
    Site,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::budget::Charge;
use crate::calls;
use crate::compiler::Source;
use crate::notes;
use crate::raw::code::{
    self, Code, SiteKind, begin_snapshot, instructions_with_args, operator_method, place_of,
    special_method, wrapped_function,
};
use crate::raw::objects::{Kind, describe, is_leaf, is_plain_constant, str_of};
use crate::raw::{Addr, Gil, functions};
use crate::state::State;
use crate::storms::Place as At;
use crate::tables::{Keeper, Table};

/// Functions of at most so many code units are taken along, so that they can be inlined.
const INLINE_UNITS: u32 = 320;
/// At most so many functions are taken along.
const INLINE_FUNCTIONS: usize = 16;
/// `LOAD_ATTR` and `STORE_ATTR` of 3.13 (`opcode_ids.h`).
const LOAD_ATTR: u8 = 82;
const STORE_ATTR: u8 = 108;
/// Those that expect a class itself, or a module.
const LOAD_ATTR_CLASS: u8 = 191;
const LOAD_ATTR_MODULE: u8 = 197;
/// Those with an entry of the object's dictionary, behind the class in the cache.
const LOAD_ATTR_WITH_HINT: u8 = 202;
const STORE_ATTR_WITH_HINT: u8 = 211;
/// `BINARY_SUBSCR`, `STORE_SUBSCR` and `BINARY_OP`.
const BINARY_SUBSCR: u8 = 5;
const STORE_SUBSCR: u8 = 39;
const BINARY_OP: u8 = 45;

/// `CALL` and `CALL_KW` of 3.13.
const CALL: u8 = 53;
const CALL_KW: u8 = 57;
/// Those that expect a Python function, or one that is bound to an object.
const CALL_BOUND_METHOD_EXACT_ARGS: u8 = 163;
const CALL_BOUND_METHOD_GENERAL: u8 = 164;
const CALL_PY_EXACT_ARGS: u8 = 177;
const CALL_PY_GENERAL: u8 = 178;

/// The version of the class of objects that a specialised `LOAD_ATTR` or `STORE_ATTR` expects: the second field of its
/// cache (`_PyAttrCache` and `_PyLoadMethodCache` of `pycore_code.h`).
fn expected_class(base: u8, units: &[u16]) -> Option<u32> {
    let opcode = units[0] as u8;
    let is_of_objects = opcode != base && !matches!(opcode, LOAD_ATTR_CLASS | LOAD_ATTR_MODULE);
    is_of_objects.then(|| u32::from(units[2]) | u32::from(units[3]) << 16)
}

/// The class that a `LOAD_ATTR_WITH_HINT` or `STORE_ATTR_WITH_HINT` expects, and where among the entries of the objects'
/// dictionaries.
fn hint(units: &[u16]) -> Option<(u32, u16)> {
    let has_hint = matches!(units[0] as u8, LOAD_ATTR_WITH_HINT | STORE_ATTR_WITH_HINT);
    has_hint.then(|| (u32::from(units[2]) | u32::from(units[3]) << 16, units[4]))
}

/// Strings of at most so many characters are passed on with their text.
const SHORT_TEXT: usize = 80;

/// What is compiled, and where it was seen.
pub(crate) struct Scene {
    pub(crate) entry: EntryPoint,
    pub(crate) mode: Mode,
    pub(crate) globals: Addr,
    pub(crate) builtins: Addr,
    pub(crate) seen_locals: Vec<Seen>,
    pub(crate) seen_stack: Vec<Seen>,
    /// Where guards of earlier versions failed too often: code object and offset.
    pub(crate) avoid: Vec<(Addr, u32)>,
}

/// Takes the snapshot of a live code object for the function with this number.
pub(crate) fn take(
    gil: Gil<'_>,
    state: &mut State,
    code: Addr,
    function: u64,
    scene: Scene,
) -> PyResult<Source> {
    begin_snapshot(gil);
    notes::gather(state);
    let mut builder = Builder::new(gil, state);
    builder.globals = scene.globals;
    let dicts = (scene.globals, scene.builtins);
    let root = builder.code(&Code::new(gil, code), Keeper::Root, dicts)?;
    builder.codes[root].seen_locals = scene.seen_locals;
    builder.codes[root].seen_stack = scene.seen_stack;
    builder.inline_candidates(code, scene.builtins)?;
    let Builder {
        table,
        objects,
        codes,
        code_addrs,
        ..
    } = builder;
    let avoid = scene.avoid.iter().filter_map(|(addr, offset)| {
        let index = code_addrs.iter().position(|it| it == addr)?;
        Some((index as u32, *offset))
    });
    let charge = Charge::new(calls::estimate(
        gil,
        state,
        code,
        scene.entry,
        scene.mode.effort,
    ));
    let entry = match scene.entry {
        EntryPoint::Start if Code::new(gil, code).is_resumable() => EntryPoint::Resume,
        entry => entry,
    };
    let request = Request {
        function,
        entry,
        mode: scene.mode,
        avoid: avoid.collect(),
        codes,
        objects,
    };
    Ok(Source {
        request,
        token: state.tables.add(table),
        codes: code_addrs,
        avoided: scene.avoid,
        asked_at: Instant::now(),
        _charge: charge,
        made: Mutex::new(None),
    })
}

/// Takes the snapshot of a live function's code for machine code that was made elsewhere, which names `objects`, and
/// tells their ids.
pub(crate) fn take_for_made(
    gil: Gil<'_>,
    state: &mut State,
    code: Addr,
    function: u64,
    objects: &[Addr],
) -> PyResult<(Source, Vec<ObjId>)> {
    begin_snapshot(gil);
    let mut builder = Builder::new(gil, state);
    builder.code(
        &Code::new(gil, code),
        Keeper::Root,
        (Addr::NULL, Addr::NULL),
    )?;
    let ids: PyResult<Vec<ObjId>> = objects.iter().map(|it| builder.object(*it)).collect();
    let (ids, table) = (ids?, builder.table);
    let request = Request {
        function,
        entry: EntryPoint::Start,
        mode: Mode::default(),
        avoid: Vec::new(),
        codes: builder.codes,
        objects: builder.objects,
    };
    let source = Source {
        request,
        token: state.tables.add(table),
        codes: Vec::new(),
        avoided: Vec::new(),
        asked_at: Instant::now(),
        _charge: Charge::new(0),
        made: Mutex::new(None),
    };
    Ok((source, ids))
}

struct Builder<'a, 'py> {
    gil: Gil<'py>,
    state: &'a mut State,
    table: Table,
    objects: Vec<Object>,
    ids: HashMap<Addr, ObjId>,
    codes: Vec<CodeSnapshot>,
    /// Where each of them was copied from.
    code_addrs: Vec<Addr>,
    /// Small functions that are called, and generator expressions: the globals, the code and its id, who keeps it.
    to_inline: Vec<(Addr, Addr, ObjId, Keeper)>,
    /// The globals of the code that is compiled.
    globals: Addr,
}

impl<'a, 'py> Builder<'a, 'py> {
    fn new(gil: Gil<'py>, state: &'a mut State) -> Self {
        Builder {
            gil,
            state,
            table: Table::default(),
            objects: Vec::new(),
            ids: HashMap::new(),
            codes: Vec::new(),
            code_addrs: Vec::new(),
            to_inline: Vec::new(),
            globals: Addr::NULL,
        }
    }

    /// Adds a code object to the snapshot; answers its index.
    fn code(&mut self, code: &Code, keeper: Keeper, dicts: (Addr, Addr)) -> PyResult<usize> {
        let view = code.view();
        let base = code.base(self.gil)?;
        let adaptive = code.adaptive(&base, dicts);
        let text = |at| str_of(self.gil, Addr::from_ptr(at)).unwrap_or_default();
        let bytes = |at| -> PyResult<Vec<u8>> {
            Ok(Addr::from_ptr(at)
                .object(self.gil)
                .extract::<&[u8]>()?
                .to_vec())
        };
        let mut snapshot = CodeSnapshot {
            name: text(view.name),
            qualname: text(view.qualname),
            filename: text(view.filename),
            first_line: view.first_line,
            flags: view.flags,
            arg_count: view.arg_count,
            pos_only_arg_count: view.pos_only,
            kw_only_arg_count: view.kw_only,
            n_locals: view.n_locals,
            stack_size: view.stack_size,
            frame_size: view.frame_size,
            exception_table: bytes(view.exception_table)?,
            line_table: bytes(view.line_table)?,
            local_kinds: bytes(view.local_kinds)?,
            ..CodeSnapshot::default()
        };
        snapshot.local_names = self
            .items(Addr::from_ptr(view.local_names))?
            .into_iter()
            .map(|it| str_of(self.gil, it).unwrap_or_default())
            .collect();
        for item in self.items(Addr::from_ptr(view.consts))? {
            snapshot.consts.push(self.constant(item, keeper)?);
        }
        for item in self.items(Addr::from_ptr(view.names))? {
            let id = self.constant(item, keeper)?;
            snapshot
                .names
                .push((str_of(self.gil, item).unwrap_or_default(), id));
        }
        snapshot.sites = self.sites(code, &base, &adaptive, dicts)?;
        snapshot.classes = self.classes(code, &base, &adaptive)?;
        if let Some(entry) = self.state.codes.get(&code.addr()) {
            snapshot.noted = entry.notes.by_instruction();
            snapshot.meets_other_classes = entry.classes.are_open();
            snapshot.seen_locals = entry.memory.all();
        }
        let adaptive = Code::without_addresses(adaptive, &base);
        snapshot.adaptive = adaptive.iter().flat_map(|it| it.to_le_bytes()).collect();
        snapshot.code = base;
        self.codes.push(snapshot);
        self.code_addrs.push(code.addr());
        Ok(self.codes.len() - 1)
    }

    fn items(&self, tuple: Addr) -> PyResult<Vec<Addr>> {
        let tuple = tuple.object(self.gil);
        let tuple = tuple.cast::<PyTuple>()?;
        Ok(tuple.iter_borrowed().map(|it| Addr::of(&it)).collect())
    }

    fn sites(
        &mut self,
        code: &Code,
        base: &[u8],
        adaptive: &[u16],
        dicts: (Addr, Addr),
    ) -> PyResult<Vec<(u32, Site)>> {
        let mut sites = Vec::new();
        for (at, oparg) in instructions_with_args(base) {
            let Some((kind, object)) = code.site(&adaptive[at..], oparg, dicts) else {
                let method = match base[2 * at] {
                    BINARY_OP => self.operator(code, at as u32, oparg)?,
                    CALL => self.called(code, at as u32, oparg + 1, dicts.0)?,
                    CALL_KW => self.called(code, at as u32, oparg + 2, dicts.0)?,
                    LOAD_ATTR if oparg & 1 != 0 => self.wrapped(code, at as u32, oparg >> 1)?,
                    opcode => self.method_of_container(code, opcode, at as u32)?,
                };
                sites.extend(method.map(|it| (at as u32, it)));
                continue;
            };
            if matches!(kind, SiteKind::Callee) {
                if !self.is_callable_directly(object) {
                    continue;
                }
                self.remember_callee(
                    code,
                    (at as u32, oparg),
                    (base[2 * at], adaptive[at]),
                    object,
                );
            }
            let id = self.object(object)?;
            if matches!(kind, SiteKind::Descriptor) && self.table.nameable(id).is_none() {
                continue;
            }
            let site = match kind {
                SiteKind::GlobalModule => Site::Global {
                    object: id,
                    builtin: false,
                },
                SiteKind::GlobalBuiltin => Site::Global {
                    object: id,
                    builtin: true,
                },
                SiteKind::Descriptor => Site::Descriptor(id),
                SiteKind::Callee => Site::Callee(id),
            };
            sites.push((at as u32, site));
        }
        Ok(sites)
    }

    /// Whether machine code calls a callee in another way than any: others need not be named, and their deaths not be
    /// watched.
    fn is_callable_directly(&self, callee: Addr) -> bool {
        describe(self.gil, callee) != Kind::Function
            || Code::new(self.gil, functions::code_of(self.gil, callee)).is_simple()
    }

    /// Notes the Python function that the interpreter expects at a call: it forgets that when the function gets machine code.
    fn remember_callee(
        &mut self,
        code: &Code,
        (offset, oparg): (u32, u32),
        (opcode, unit): (u8, u16),
        function: Addr,
    ) {
        let is_bound = match unit as u8 {
            CALL_PY_EXACT_ARGS | CALL_PY_GENERAL => false,
            CALL_BOUND_METHOD_EXACT_ARGS | CALL_BOUND_METHOD_GENERAL => true,
            _ => return,
        };
        let operand = oparg + if opcode == CALL_KW { 2 } else { 1 };
        let callee = functions::code_of(self.gil, function);
        let n_defaults = functions::n_defaults(self.gil, function);
        if let Some(entry) = self.state.codes.get_mut(&code.addr()) {
            let place = (offset, operand);
            entry
                .notes
                .note_function(place, callee, n_defaults, is_bound);
        }
    }

    /// The Python function that was noted to be called, as an operand of a call.
    fn called(
        &mut self,
        code: &Code,
        offset: u32,
        operand: u32,
        globals: Addr,
    ) -> PyResult<Option<Site>> {
        let entry = self.state.codes.get(&code.addr());
        let noted = entry.and_then(|it| it.notes.function(offset, operand));
        let Some((callee, n_defaults, is_bound)) = noted else {
            return Ok(None);
        };
        // Who died is not among those that are known.
        if !self.state.codes.contains_key(&callee) {
            return Ok(None);
        }
        let callee = Code::new(self.gil, callee);
        if !callee.is_simple() {
            return Ok(None);
        }
        let info = self.function_of(&callee, n_defaults)?;
        // Another module's has other globals.
        let globals = (callee.view().filename == code.view().filename).then_some(globals);
        self.may_inline(&callee, &info, globals);
        let function = self.table.push(Addr::NULL, Keeper::Nobody);
        self.objects.push(Object::Function(info));
        Ok(Some(Site::Called { function, is_bound }))
    }

    /// The Python function that an operator calls first, for the classes of operands that were noted.
    fn operator(&mut self, code: &Code, offset: u32, number: u32) -> PyResult<Option<Site>> {
        let Some(entry) = self.state.codes.get(&code.addr()) else {
            return Ok(None);
        };
        // The left operand is the lower one.
        let operand = |operand| {
            let class = entry.notes.class_of(offset, operand);
            let is_number = matches!(
                entry.notes.seen(offset, operand),
                None | Some(Seen::Int | Seen::Float | Seen::Bool | Seen::None)
            );
            class.or(is_number.then_some(0))
        };
        let (Some(left), Some(right)) = (operand(1), operand(0)) else {
            return Ok(None);
        };
        let Some(function) = operator_method(self.gil, left, right, number) else {
            return Ok(None);
        };
        let function = self.object(function)?;
        let (type_version, other) = match left {
            0 => (right, 0),
            _ => (left, right),
        };
        Ok(self.table.nameable(function).map(|_| Site::Operator {
            type_version,
            function,
            reflected: left == 0,
            other,
        }))
    }

    /// The Python function behind a class method or static method, for the class that was noted.
    fn wrapped(&mut self, code: &Code, offset: u32, name: u32) -> PyResult<Option<Site>> {
        let entry = self.state.codes.get(&code.addr());
        let Some(class) = entry.and_then(|it| it.notes.class_itself(offset, 0)) else {
            return Ok(None);
        };
        let name = self.items(Addr::from_ptr(code.view().names))?[name as usize];
        let Some((function, is_static)) = wrapped_function(self.gil, class, name) else {
            return Ok(None);
        };
        let function = self.object(function)?;
        Ok(self.table.nameable(function).map(|_| Site::Wrapped {
            function,
            is_static,
        }))
    }

    /// The Python function that does `container[key]` or stores there, for the class of container that was noted.
    fn method_of_container(
        &mut self,
        code: &Code,
        opcode: u8,
        offset: u32,
    ) -> PyResult<Option<Site>> {
        let name = match opcode {
            BINARY_SUBSCR => c"__getitem__",
            STORE_SUBSCR => c"__setitem__",
            _ => return Ok(None),
        };
        let entry = self.state.codes.get(&code.addr());
        let Some(type_version) = entry.and_then(|it| it.notes.class_of(offset, 1)) else {
            return Ok(None);
        };
        let Some(function) = special_method(self.gil, type_version, name) else {
            return Ok(None);
        };
        let function = self.object(function)?;
        Ok(self.table.nameable(function).map(|_| Site::Method {
            type_version,
            function,
        }))
    }

    /// Where the classes that were seen have the attributes that they are asked for.
    fn classes(
        &mut self,
        code: &Code,
        base: &[u8],
        adaptive: &[u16],
    ) -> PyResult<Vec<(u32, Vec<SeenClass>)>> {
        let names = self.items(Addr::from_ptr(code.view().names))?;
        let sites: Vec<_> = instructions_with_args(base)
            .filter_map(|(at, oparg)| match base[2 * at] {
                LOAD_ATTR => Some((at, names[oparg as usize >> 1], false)),
                STORE_ATTR => Some((at, names[oparg as usize], true)),
                _ => None,
            })
            .map(|(at, name, stored)| {
                (
                    at,
                    name,
                    stored,
                    expected_class(base[2 * at], &adaptive[at..]),
                )
            })
            .collect();
        if let Some(entry) = self.state.codes.get_mut(&code.addr()) {
            let hints = sites.iter().filter_map(|(at, ..)| hint(&adaptive[*at..]));
            hints.for_each(|(class, _)| entry.classes.note_dictionary(class));
            for (at, _, _, expected) in &sites {
                let noted = entry.notes.class_of(*at as u32, 0);
                for version in expected.iter().chain(&noted) {
                    entry.classes.note(At::Instr(*at as u32), *version);
                }
            }
        }
        let mut all = Vec::new();
        for (at, name, stored, expected) in sites {
            let entry = self.state.codes.get(&code.addr());
            let seen = entry.map_or_else(Vec::new, |it| it.classes.seen_at(at as u32, expected));
            let mut known = Vec::new();
            for type_version in seen {
                let entry = self.state.codes.get(&code.addr());
                let by_name = entry.is_some_and(|it| it.classes.have_dictionaries(type_version));
                let found = place_of(self.gil, type_version, name, stored);
                let (Some(place), true) = (found, known.len() < CodeSnapshot::MAX_CLASSES) else {
                    continue;
                };
                // A dictionary that was made of inline values has their order.
                let usual = match place {
                    code::Place::InstanceValue(index) => index as u16,
                    code::Place::Own if !by_name => continue,
                    _ => 0,
                };
                let cached = hint(&adaptive[at..]).filter(|it| it.0 == type_version);
                known.extend(self.place(place)?.map(|place| SeenClass {
                    type_version,
                    place,
                    by_name: by_name.then_some(cached.map_or(usual, |it| it.1)),
                }));
            }
            if !known.is_empty() {
                all.push((at as u32, known));
            }
        }
        if let Some(entry) = self.state.codes.get_mut(&code.addr()) {
            entry.classes.are_known();
        }
        Ok(all)
    }

    /// None where it is a method that machine code may not name.
    fn place(&mut self, place: code::Place) -> PyResult<Option<Place>> {
        Ok(Some(match place {
            code::Place::Own => Place::Own,
            code::Place::InstanceValue(index) => Place::InstanceValue {
                index: index as u16,
            },
            code::Place::Slot(offset) => Place::Slot {
                offset: offset as u16,
            },
            code::Place::Method(keys_version, object) => {
                return Ok(self.named(object)?.map(|object| Place::Method {
                    keys_version,
                    object,
                }));
            }
            code::Place::ClassValue(keys_version, object) => Place::ClassValue {
                keys_version,
                object: self.named(object)?,
            },
        }))
    }

    /// An object that a class has, if machine code may name it.
    fn named(&mut self, object: Addr) -> PyResult<Option<ObjId>> {
        let id = self.object(object)?;
        Ok(self.table.nameable(id).map(|_| id))
    }

    fn push(&mut self, addr: Addr, object: Object, keeper: Keeper) -> ObjId {
        let id = self.table.push(addr, keeper);
        self.objects.push(object);
        self.ids.insert(addr, id);
        id
    }

    /// A constant or a name of a code object, kept by `keeper`.
    fn constant(&mut self, addr: Addr, keeper: Keeper) -> PyResult<ObjId> {
        // Of a function that may die while the version runs, constants may outlive it: it has returned them.
        let keeper = match keeper {
            Keeper::Watched(_) if is_plain_constant(addr) => {
                self.table.hold(addr.object(self.gil).unbind());
                Keeper::Table
            }
            keeper => keeper,
        };
        if let Some(id) = self.ids.get(&addr).copied() {
            // Whoever named it first keeps it for long enough, unless that was nobody.
            if self.table.nameable(id).is_none() {
                self.table.set_keeper(id, keeper);
            }
            return Ok(id);
        }
        let object = match describe(self.gil, addr) {
            Kind::Tuple => {
                let items = self.items(addr)?;
                let ids: PyResult<Vec<ObjId>> = items
                    .into_iter()
                    .map(|it| self.constant(it, keeper))
                    .collect();
                Object::Tuple(ids?)
            }
            Kind::Code => Object::Code(None),
            other => self.plain(addr, other),
        };
        let is_code = matches!(object, Object::Code(_));
        let id = self.push(addr, object, keeper);
        if is_code && keeper == Keeper::Root {
            let code = Code::new(self.gil, addr);
            let is_small = code.view().n_units <= INLINE_UNITS;
            if is_small && code.is_expression(self.gil) && self.to_inline.len() < INLINE_FUNCTIONS {
                self.to_inline.push((self.globals, addr, id, keeper));
            }
        }
        Ok(id)
    }

    /// An object that a cache holds, alive now.
    fn object(&mut self, addr: Addr) -> PyResult<ObjId> {
        if let Some(id) = self.ids.get(&addr).copied() {
            return Ok(id);
        }
        let kind = describe(self.gil, addr);
        match kind {
            Kind::Function => return self.function(addr),
            Kind::Type { builtin: false, .. } => self.watch_by_weakref(addr)?,
            Kind::Other(ref name) if name == "module" => self.watch_by_weakref(addr)?,
            Kind::Builtin { .. } | Kind::MethodDescriptor { .. } | Kind::Type { .. } => {
                self.table.hold(addr.object(self.gil).unbind());
            }
            _ if is_leaf(addr) => self.table.hold(addr.object(self.gil).unbind()),
            other => {
                let object = self.plain(addr, other);
                return Ok(self.push(addr, object, Keeper::Nobody));
            }
        }
        let keeper = match kind {
            Kind::Type { builtin: false, .. } | Kind::Other(_) if !is_leaf(addr) => {
                Keeper::Watched(addr)
            }
            _ => Keeper::Table,
        };
        let object = self.plain(addr, kind);
        Ok(self.push(addr, object, keeper))
    }

    fn watch_by_weakref(&mut self, addr: Addr) -> PyResult<()> {
        let weak = functions::watch_by_weakref(self.gil, addr, crate::lifecycle::died)?;
        self.table.hold(weak);
        Ok(())
    }

    /// What needs no table of its own.
    fn plain(&self, addr: Addr, kind: Kind) -> Object {
        match kind {
            Kind::None => Object::None,
            Kind::Bool(it) => Object::Bool(it),
            Kind::Ellipsis => Object::Ellipsis,
            Kind::Int(it) => Object::Int(it),
            Kind::Float(it) => Object::Float(it),
            Kind::Str => {
                Object::Str(str_of(self.gil, addr).filter(|it| it.chars().count() <= SHORT_TEXT))
            }
            Kind::Bytes => Object::Bytes,
            Kind::Tuple => Object::Other("tuple".to_owned()),
            Kind::Code => Object::Code(None),
            Kind::Function => Object::Other("function".to_owned()),
            Kind::Type { name, builtin } => Object::Type { name, builtin },
            Kind::Builtin { module, name } => Object::Builtin { module, name },
            Kind::MethodDescriptor { class, name } => Object::MethodDescriptor { class, name },
            Kind::Other(name) => Object::Other(name),
        }
    }

    /// A Python function: its death is watched, and that of its code.
    fn function(&mut self, func: Addr) -> PyResult<ObjId> {
        let code = Code::new(self.gil, functions::code_of(self.gil, func));
        let info = self.function_of(&code, functions::n_defaults(self.gil, func))?;
        self.may_inline(&code, &info, Some(functions::globals_of(self.gil, func)));
        Ok(self.push(func, Object::Function(info), Keeper::Watched(func)))
    }

    /// Notes a small function with these globals as one that may be inlined.
    fn may_inline(&mut self, code: &Code, info: &FunctionInfo, globals: Option<Addr>) {
        let is_small = info.simple && code.view().n_units <= INLINE_UNITS;
        if let Some(globals) = globals
            && is_small
            && self.to_inline.len() < INLINE_FUNCTIONS
        {
            let keeper = Keeper::Watched(code.addr());
            self.to_inline
                .push((globals, code.addr(), info.code, keeper));
        }
    }

    /// What is known of a function with this code, whose death is watched.
    fn function_of(&mut self, code: &Code, n_defaults: u32) -> PyResult<FunctionInfo> {
        let addr = code.addr();
        let entry = self.state.entry(self.gil, addr)?;
        entry.raw.set(|it| it.watched = 1);
        let code_id = match self.ids.get(&addr).copied() {
            Some(id) => id,
            None => self.push(addr, Object::Code(None), Keeper::Watched(addr)),
        };
        let view = code.view();
        let mut arg_names = self.items(Addr::from_ptr(view.local_names))?;
        arg_names.truncate(view.arg_count as usize);
        let arg_names = arg_names
            .into_iter()
            .map(|it| str_of(self.gil, it).unwrap_or_default())
            .collect();
        Ok(FunctionInfo {
            qualname: code.qualname(self.gil),
            code: code_id,
            arg_count: view.arg_count,
            pos_only_arg_count: view.pos_only,
            arg_names,
            n_defaults,
            frame_size: view.frame_size,
            n_locals: view.n_locals,
            simple: code.is_simple(),
            direct: code.is_simple(),
        })
    }

    /// Takes along the codes of the small functions that are called, and of those that they call in turn.
    fn inline_candidates(&mut self, root: Addr, builtins: Addr) -> PyResult<()> {
        let mut taken: Vec<(Addr, usize)> = vec![(root, 0)];
        for next in 0..INLINE_FUNCTIONS {
            let Some((globals, addr, code_id, keeper)) = self.to_inline.get(next).copied() else {
                break;
            };
            let index = match taken.iter().find(|it| it.0 == addr) {
                Some(known) => known.1,
                None => {
                    let code = Code::new(self.gil, addr);
                    self.code(&code, keeper, (globals, builtins))?
                }
            };
            taken.push((addr, index));
            self.objects[code_id.0 as usize] = Object::Code(Some(index as u32));
        }
        Ok(())
    }
}
