//! Twins: a helper that is inlined into jitted code, at every tier, does what the native helper does.
//!
//! For each helper a thunk is generated that takes its arguments out of memory and puts the result back. One module of
//! thunks calls the native code; in three others the bodies are inlined and optimised, at each tier. `twins.txt` says what
//! they are called with. Compared are the result (of objects: type, text and identity with an argument), the
//! exception, and of each argument its text and how its reference count has changed.
//!
//! Every case runs twice: with references to the arguments held elsewhere, so that they can be looked at afterwards, and
//! without, so that helpers that reuse or free what nobody else has do that.

use martlet_codegen::{Emitter, Target, Tier};
use martlet_helpers::{BITCODE, HELPERS, Helper, find, native_symbols};
use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::builder::Builder;
use martlet_ir::inkwell::context::Context;
use martlet_ir::inkwell::execution_engine::ExecutionEngine;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::module::Module as InkModule;
use martlet_ir::inkwell::types::{BasicType, BasicTypeEnum};
use martlet_ir::inkwell::values::BasicValueEnum;
use martlet_ir::{BitcodeLibrary, Module};
use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_char, c_int, c_void};

type O = *mut c_void;

/// Arguments, and room for a result of two words.
type Thunk = unsafe extern "C" fn(arguments: *const u64, result: *mut u64);

const ROWS: &str = include_str!("twins.txt");

/// What the expressions of `twins.txt` may name, and how objects are shown.
const PRELUDE: &str = r"
import builtins, ctypes, sys, types, array, re, _testcapi
class Meta(type): pass
class C:
    def __init__(self, x=10**6): self.x = x + 0; self.y = 'y'
    def method(self): pass
class Slots:
    __slots__ = ('x', 'y')
    def __init__(self, x=10**6): self.x = x + 0
    def method(self): pass
log = []
class Gone:
    def __del__(self): log.append('gone')
class Bad:
    def fail(self, *args): raise OSError('bad', len(args))
    __getattr__ = __setattr__ = __delattr__ = __getitem__ = __setitem__ = __delitem__ = fail
    __eq__ = __lt__ = __le__ = __neg__ = __invert__ = __iter__ = __contains__ = __next__ = fail
    __hash__ = fail
def f(v): return v
def g(v=1.5): return v
def g2(v=1, w=2): return v
def used(it):
    for _ in it: pass
    return it
def next_of(it):
    next(it)
    return it
def with_dict(v):
    v.__dict__['z'] = 1
    return v
def dict_made(v):
    # Its dict shares its values.
    v.__dict__
    return v
def version(cls):
    _testcapi.type_assign_version(cls)
    return _testcapi.type_get_version(cls)
def offset(name):
    # Behind the head of the object, in the order of their names.
    return object.__basicsize__ + 8 * Slots.__slots__.index(name)
class Lazy(list):
    # Its objects have a dict, made late, and no room for values.
    def method(self): pass
def own_dict(v, **more):
    v.__dict__ = {'y': 2.5, 'x': 10**6, **more}
    return v
def keys_version(d):
    # `dk_version` of `ma_keys`, given if there is none: as the specialising interpreter does.
    keys = ctypes.c_size_t.from_address(id(d) + 32).value
    version = ctypes.c_uint32.from_address(keys + 12)
    version.value = version.value or next(versions)
    return version.value
versions = iter(range(2**31, 2**32))
def index_of(d, name): return list(d).index(name)
M = types.ModuleType('M')
M.x = 10**6
M.y = C()
# Generators that have not begun: each has a frame, which nobody runs. The globals are their own.
G = {'x': 2.5, '__builtins__': builtins.__dict__}
exec('def fresh(p=1.5, q=None, r=10**6):\n s = 0\n yield', G)
exec('def closing(p=1.5):\n yield lambda: p', G)
exec('def around(p):\n def inner():\n  yield p\n return inner()', G)
fresh, closing, around = G['fresh'], G['closing'], G['around']
def frame_of(v):
    # `gi_iframe`: where the frame's object, once there is one, says.
    return id(v) + IFRAME
probe = fresh()
IFRAME = ctypes.c_size_t.from_address(id(probe.gi_frame) + 24).value - id(probe)
def observed(v):
    v.gi_frame
    return v
def of_frame(v):
    # What the frame says of itself (`instr_ptr`, `return_offset`), its locals, and its globals.
    at = frame_of(v)
    code = ctypes.c_size_t.from_address(at).value
    said = ctypes.c_size_t.from_address(at + 56).value - code, ctypes.c_uint16.from_address(at + 68).value
    frame = v.gi_frame
    return said, [(n, show(v)) for n, v in frame.f_locals.items()], show(frame.f_globals.get('x'))
kept = []
def memory(v):
    kept.append(v)
    return ctypes.addressof(v)
def unit(valid):
    # `valid`, `kind`, `mark` of struct martlet_unit.
    return memory(ctypes.create_string_buffer(bytes([valid, 0, 7, 0x80]), 64))
def items(*v):
    return memory((ctypes.py_object * len(v))(*v))
def show(v):
    if isinstance(v, BaseException): text = repr(v.args)
    elif type(v) is Bad: text = ''
    elif type(v) is types.GeneratorType: text = repr(of_frame(v))
    elif type(v) in (C, Slots): text = repr([(n, show(getattr(v, n))) for n in ('x', 'y', 'absent') if hasattr(v, n)])
    else:
        try: text = repr(v)
        except Exception as e: text = 'no text: ' + type(e).__name__
    return type(v).__name__ + ' ' + re.sub('0x[0-9a-f]+', '0x', text)
def take_log():
    seen = repr(log); log.clear(); return seen
";

unsafe extern "C" {
    fn Py_InitializeEx(signals: c_int);
    fn PyThreadState_Get() -> O;
    fn PyImport_AddModule(name: *const c_char) -> O;
    fn PyModule_GetDict(module: O) -> O;
    fn PyDict_SetItemString(dict: O, key: *const c_char, value: O) -> c_int;
    fn PyRun_String(text: *const c_char, start: c_int, globals: O, locals: O) -> O;
    fn PyErr_Print();
    fn PyErr_GetRaisedException() -> O;
    fn PyFloat_AsDouble(v: O) -> f64;
    fn PyLong_AsUnsignedLongLongMask(v: O) -> u64;
    fn PyObject_IsTrue(v: O) -> c_int;
    fn PyUnicode_AsUTF8(v: O) -> *const c_char;
    fn PyGC_Disable() -> c_int;
    fn PyObject_Type(v: O) -> O;
    fn PyType_ClearCache() -> u32;
    fn _PyType_Lookup(class: O, name: O) -> O;
    fn Py_IncRef(v: O);
    fn Py_DecRef(v: O);
    fn martlet_init() -> c_int;
    fn martlet_fini();
}

/// A row of `twins.txt`.
#[derive(Debug)]
struct Row {
    name: &'static str,
    is_new: bool,
    arguments: Vec<Argument>,
    condition: Option<&'static str>,
}

#[derive(Debug)]
struct Argument {
    kind: Kind,
    expressions: Vec<String>,
}

/// What stands before an argument's expressions.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing: an object or a number.
    Plain,
    /// `steal`: the helper takes over the reference.
    Steal,
    /// `frame`: the frame of a generator.
    Frame,
    /// `at`: an address.
    At,
}

const KINDS: [(&str, Kind); 3] = [
    ("steal ", Kind::Steal),
    ("frame ", Kind::Frame),
    ("at ", Kind::At),
];

/// The rows, and the helpers that have none.
fn rows() -> (Vec<Row>, Vec<&'static str>) {
    let mut lists: HashMap<&str, Vec<&str>> = HashMap::new();
    let (mut rows, mut without) = (Vec::new(), Vec::new());
    let split = |text: &'static str| text.split(';').map(str::trim).collect::<Vec<_>>();
    for line in ROWS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        if let Some(rest) = line.strip_prefix("- ") {
            without.extend(rest.split(':').next());
            continue;
        }
        if let Some((name, list)) = line
            .split_once(" = ")
            .filter(|_| !line.starts_with("martlet_"))
        {
            lists.insert(name, split(list));
            continue;
        }
        let (head, rest) = line.split_once(':').expect("a row has a colon");
        let (rest, types) = rest.split_once(" for T in ").unwrap_or((rest, ""));
        let (rest, condition) = match rest.split_once(" where ") {
            Some((rest, condition)) => (rest, Some(condition)),
            None => (rest, None),
        };
        let arguments = rest
            .split('|')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let arguments = arguments.map(|text| {
            let mut kinds = KINDS.iter();
            let found = kinds.find_map(|(word, kind)| Some((text.strip_prefix(word)?, *kind)));
            let (text, kind) = found.unwrap_or((text, Kind::Plain));
            let known = lists.get(text).cloned();
            let of_types = known
                .unwrap_or_else(|| split(text))
                .into_iter()
                .flat_map(|text| match text.contains("(T,") {
                    true => types
                        .split(", ")
                        .map(|ty| text.replace("(T,", &format!("({ty},")))
                        .collect(),
                    false => vec![text.to_owned()],
                });
            Argument {
                kind,
                expressions: of_types.collect(),
            }
        });
        let arguments = arguments.collect();
        rows.push(Row {
            name: head.split(" ->").next().unwrap_or_default(),
            is_new: head.ends_with("-> new"),
            arguments,
            condition,
        });
    }
    (rows, without)
}

#[test]
fn every_inlined_helper_has_a_row() {
    let (rows, without) = rows();
    let inlined: HashSet<&str> = HELPERS
        .iter()
        .filter(|it| it.inline)
        .map(|it| it.name)
        .collect();
    let names: Vec<&str> = rows.iter().map(|row| row.name).chain(without).collect();
    let listed: HashSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), listed.len(), "a helper is listed twice");
    let missing: Vec<_> = inlined.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&inlined).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "missing: {missing:?}, no such helpers: {gone:?}"
    );
}

#[test]
fn twins_agree() {
    let (rows, _) = rows();
    let python = Python::start();
    let contexts: [Context; 4] = std::array::from_fn(|_| Context::create());
    let tiers = [None, Some(Tier::None), Some(Tier::Quick), Some(Tier::Best)];
    let jitted: Vec<Jitted<'_>> = contexts
        .iter()
        .zip(tiers)
        .map(|(context, tier)| Jitted::new(context, tier, &rows))
        .collect();
    let mut n_cases = 0;
    for row in &rows {
        let helper = find(row.name).expect("another test says so");
        let thunks: Vec<Thunk> = jitted.iter().map(|it| it.thunk(row.name)).collect();
        let before = n_cases;
        for case in combinations(&row.arguments) {
            for (is_held, is_cached) in [(true, true), (true, false), (false, true), (false, false)]
            {
                let state = State { is_held, is_cached };
                let run = |thunk: &Thunk| python.run(row, helper, &case, *thunk, state);
                // Once before it counts: the interpreter's caches keep what is looked up.
                if run(&thunks[0]).is_none() {
                    continue;
                }
                let native = run(&thunks[0]);
                n_cases += 1;
                for (thunk, tier) in thunks.iter().zip(tiers).skip(1) {
                    assert_eq!(
                        run(thunk),
                        native,
                        "{} at {tier:?} of {case:?}, {state:?}",
                        row.name
                    );
                }
            }
        }
        assert!(n_cases > before, "{} was never called", row.name);
    }
    assert!(n_cases > 10_000, "{n_cases} cases");
    // SAFETY: the GIL is held, and no helper runs after this.
    unsafe { martlet_fini() };
}

/// Every choice of one expression for each argument.
fn combinations(arguments: &[Argument]) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    for argument in arguments {
        let mut longer = Vec::new();
        for so_far in &all {
            for expression in &argument.expressions {
                longer.push([&so_far[..], &[expression.as_str()]].concat());
            }
        }
        all = longer;
    }
    all
}

/// Thunks for all rows, ready to be called.
struct Jitted<'ctx> {
    engine: ExecutionEngine<'ctx>,
}

impl<'ctx> Jitted<'ctx> {
    /// `tier`: `None` for thunks that call the native helpers.
    fn new(context: &'ctx Context, tier: Option<Tier>, rows: &[Row]) -> Self {
        let mut module = Module::new("twins");
        module.edit(|edit| {
            for row in rows {
                thunk(
                    edit.context(),
                    edit.module(),
                    find(row.name).expect("another test says so"),
                );
            }
        });
        // The import also brings the attributes that calls of native code need.
        let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
        library.import(&mut module).expect("the types agree");
        let mut emitter = Emitter::new(Target::host()).expect("x86-64 is there");
        let level = match tier {
            None => {
                let machine = emitter
                    .machine(Tier::None.level())
                    .expect("x86-64 is there");
                module
                    .run_passes("elim-avail-extern", machine)
                    .expect("a pipeline");
                OptimizationLevel::None
            }
            Some(tier) => {
                emitter
                    .optimise(&mut module, tier)
                    .expect("the pipeline runs");
                let text = module.to_string();
                for row in rows {
                    let call = format!("@{}(", row.name);
                    assert!(
                        !text.contains(&call),
                        "{} is not inlined at {tier:?}",
                        row.name
                    );
                }
                match tier {
                    Tier::Best => OptimizationLevel::Default,
                    _ => OptimizationLevel::None,
                }
            }
        };
        module.verify().expect("what passes leave is valid");
        let bitcode = module.to_bitcode();
        let buffer = MemoryBuffer::create_from_memory_range_copy(&bitcode, "twins");
        let module =
            InkModule::parse_bitcode_from_buffer(&buffer, context).expect("it was just written");
        let engine = module
            .create_jit_execution_engine(level)
            .expect("this machine");
        for (name, address) in native_symbols() {
            if let Some(function) = module
                .get_function(name)
                .filter(|it| it.count_basic_blocks() == 0)
            {
                engine.add_global_mapping(&function, *address);
            } else if let Some(global) = module.get_global(name) {
                engine.add_global_mapping(&global, *address);
            }
        }
        Jitted { engine }
    }

    fn thunk(&self, name: &str) -> Thunk {
        let address = self
            .engine
            .get_function_address(&format!("twin_{name}"))
            .expect("it is there");
        // SAFETY: `thunk` gives all of them this type.
        unsafe { std::mem::transmute::<usize, Thunk>(address) }
    }
}

/// Types of a helper's parameters and result, as LLVM writes them.
fn words(helper: &Helper) -> (&'static str, Vec<&'static str>) {
    let (result, params) = helper
        .ir_signature
        .rsplit_once(" (")
        .expect("result (parameters)");
    let params = params
        .trim_end_matches(')')
        .split(", ")
        .filter(|text| !text.is_empty());
    (result, params.collect())
}

fn ty<'ctx>(context: &'ctx Context, text: &str) -> BasicTypeEnum<'ctx> {
    let pair = |first, second| {
        context
            .struct_type(&[ty(context, first), ty(context, second)], false)
            .into()
    };
    match text {
        "ptr" => context.ptr_type(Default::default()).into(),
        "i64" => context.i64_type().into(),
        "i32" => context.i32_type().into(),
        "i1" => context.bool_type().into(),
        "double" => context.f64_type().into(),
        "{ ptr, ptr }" => pair("ptr", "ptr"),
        "{ i64, i64 }" => pair("i64", "i64"),
        "{ double, i64 }" => pair("double", "i64"),
        other => panic!("no row has had a `{other}` so far"),
    }
}

/// `twin_NAME(arguments, result)`: every argument and every part of the result has a word.
fn thunk<'ctx>(context: &'ctx Context, module: &InkModule<'ctx>, helper: &Helper) {
    let (result, params) = words(helper);
    let types: Vec<_> = params.iter().map(|text| ty(context, text).into()).collect();
    let helper_type = match result {
        "void" => context.void_type().fn_type(&types, false),
        result => ty(context, result).fn_type(&types, false),
    };
    let callee = module.add_function(helper.name, helper_type, None);
    let ptr = context.ptr_type(Default::default());
    let thunk_type = context
        .void_type()
        .fn_type(&[ptr.into(), ptr.into()], false);
    let thunk = module.add_function(&format!("twin_{}", helper.name), thunk_type, None);
    let builder = context.create_builder();
    builder.position_at_end(context.append_basic_block(thunk, ""));
    let place = |base: u32, index: usize| {
        let base = thunk
            .get_nth_param(base)
            .expect("it has two")
            .into_pointer_value();
        let index = context.i64_type().const_int(index as u64, false);
        // SAFETY: the memory has a word for each argument and two for the result.
        unsafe { builder.build_gep(context.i64_type(), base, &[index], "") }
            .expect("the builder stands")
    };
    let load = |(index, text): (usize, &&str)| {
        let word = if *text == "i1" { "i64" } else { text };
        let value = builder
            .build_load(ty(context, word), place(0, index), "")
            .expect("the builder stands");
        match *text {
            "i1" => {
                let bit =
                    builder.build_int_truncate(value.into_int_value(), context.bool_type(), "");
                bit.expect("the builder stands").into()
            }
            _ => value.into(),
        }
    };
    let arguments: Vec<_> = params.iter().enumerate().map(load).collect();
    let call = builder
        .build_call(callee, &arguments, "")
        .expect("the builder stands");
    let store =
        |value: BasicValueEnum<'ctx>, index| store_word(context, &builder, value, place(1, index));
    match call.try_as_basic_value().basic() {
        Some(BasicValueEnum::StructValue(pair)) => {
            for index in 0..2 {
                store(
                    builder
                        .build_extract_value(pair, index, "")
                        .expect("it has two"),
                    index as usize,
                );
            }
        }
        Some(value) => store(value, 0),
        None => {}
    }
    builder.build_return(None).expect("the builder stands");
}

/// Stores a value as a word; integers with their sign.
fn store_word<'ctx>(
    context: &'ctx Context,
    builder: &Builder<'ctx>,
    value: BasicValueEnum<'ctx>,
    at: martlet_ir::inkwell::values::PointerValue<'ctx>,
) {
    let value = match value {
        BasicValueEnum::IntValue(int) if int.get_type().get_bit_width() == 1 => builder
            .build_int_z_extend(int, context.i64_type(), "")
            .expect("the builder stands")
            .into(),
        BasicValueEnum::IntValue(int) if int.get_type().get_bit_width() < 64 => builder
            .build_int_s_extend(int, context.i64_type(), "")
            .expect("the builder stands")
            .into(),
        other => other,
    };
    builder.build_store(at, value).expect("the builder stands");
}

/// What a call did, as far as anybody can tell.
#[derive(Debug, PartialEq)]
struct Outcome {
    result: String,
    exception: String,
    /// What arguments are afterwards and by how much their reference counts have changed.
    arguments: Vec<(String, i64)>,
    /// Finalisers that ran.
    log: String,
}

/// How a helper finds things.
#[derive(Debug, Clone, Copy)]
struct State {
    /// Its arguments have one reference more than it may take.
    is_held: bool,
    /// The method cache knows the names of `twins.txt`.
    is_cached: bool,
}

struct Python {
    thread: O,
    globals: O,
}

impl Python {
    fn start() -> Self {
        // SAFETY: the only test of this process that uses the interpreter; this thread holds the GIL from here on.
        unsafe {
            Py_InitializeEx(0);
            let globals = PyModule_GetDict(PyImport_AddModule(c"__main__".as_ptr()));
            assert_eq!(martlet_init(), 0);
            PyGC_Disable();
            let python = Python {
                thread: PyThreadState_Get(),
                globals,
            };
            python.eval(PRELUDE, 257);
            python
        }
    }

    fn eval(&self, text: &str, start: c_int) -> O {
        let c_text = CString::new(text).expect("no NUL in it");
        // SAFETY: the GIL is held; the texts are ours.
        unsafe {
            let result = PyRun_String(c_text.as_ptr(), start, self.globals, self.globals);
            if result.is_null() {
                PyErr_Print();
                panic!("`{text}` raised");
            }
            result
        }
    }

    fn set(&self, name: &str, value: O) {
        let name = CString::new(name).expect("no NUL in it");
        // SAFETY: the GIL is held; value is an object.
        let status = unsafe { PyDict_SetItemString(self.globals, name.as_ptr(), value) };
        assert_eq!(status, 0);
    }

    fn text(&self, expression: &str) -> String {
        let v = self.eval(expression, 258);
        // SAFETY: v is a str that we own.
        unsafe {
            let text = std::ffi::CStr::from_ptr(PyUnicode_AsUTF8(v))
                .to_string_lossy()
                .into_owned();
            Py_DecRef(v);
            text
        }
    }

    fn int(&self, expression: &str) -> u64 {
        let v = self.eval(expression, 258);
        // SAFETY: v is an int that we own.
        unsafe {
            let value = PyLong_AsUnsignedLongLongMask(v);
            Py_DecRef(v);
            value
        }
    }

    /// Type and text of an object, without its address.
    fn show(&self, v: O) -> String {
        self.set("shown", v);
        let text = self.text("show(shown)");
        self.forget("shown");
        text
    }

    fn forget(&self, name: &str) {
        // SAFETY: the GIL is held; what is set last is None.
        unsafe { Py_DecRef(self.eval(&format!("{name} = None"), 257)) };
    }

    /// Calls a thunk with new arguments; `None` if the row's condition does not hold of them.
    fn run(
        &self,
        row: &Row,
        helper: &Helper,
        case: &[&str],
        thunk: Thunk,
        State { is_held, is_cached }: State,
    ) -> Option<Outcome> {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f_"];
        let (result_type, types) = words(helper);
        let has_thread = helper.signature.contains("(TS ts");
        let types = &types[usize::from(has_thread)..];
        assert_eq!(types.len(), case.len(), "{} has other parameters", row.name);
        let mut words: Vec<u64> = Vec::new();
        if has_thread {
            words.push(self.thread as u64);
        }
        let mut objects: Vec<(O, bool)> = Vec::new();
        let mut numbers = Vec::new();
        for (((expression, ty), name), argument) in
            case.iter().zip(types).zip(NAMES).zip(&row.arguments)
        {
            let v = self.eval(expression, 258);
            self.set(name, v);
            words.push(match (*ty, argument.kind) {
                ("ptr", Kind::Plain | Kind::Steal) => v as u64,
                ("ptr", Kind::Frame) => self.int(&format!("frame_of({name})")),
                // SAFETY: v is a float.
                ("double", _) => unsafe { PyFloat_AsDouble(v).to_bits() },
                // SAFETY: v is an int.
                _ => unsafe { PyLong_AsUnsignedLongLongMask(v) },
            });
            if *ty == "ptr" && argument.kind != Kind::At {
                objects.push((v, argument.kind == Kind::Steal));
            } else {
                numbers.push(v);
            }
        }
        let holds = row.condition.is_none_or(|condition| {
            let v = self.eval(condition, 258);
            // SAFETY: the GIL is held.
            unsafe { PyObject_IsTrue(v) == 1 }
        });
        for name in &NAMES[..case.len()] {
            self.forget(name);
        }
        // SAFETY: numbers are not needed any more; what is held has one reference more than the call may take.
        unsafe {
            numbers.into_iter().for_each(|v| Py_DecRef(v));
            if !holds {
                objects.iter().for_each(|(v, _)| Py_DecRef(*v));
                return None;
            }
            if is_held {
                objects.iter().for_each(|(v, _)| Py_IncRef(*v));
            }
        }
        self.text("take_log()");
        // The method cache refers to names, and whether to this one depends on addresses, by which its entries collide: it is
        // empty whenever references are counted.
        // SAFETY: the GIL is held.
        unsafe { PyType_ClearCache() };
        let before: Vec<i64> = objects.iter().map(|(v, _)| count(*v)).collect();
        if is_cached {
            objects.iter().for_each(|(v, _)| self.cache_names(*v));
        }
        let mut result = [0_u64; 2];
        // SAFETY: the arguments are such as the helper's comment asks for: `twins.txt` sees to that.
        unsafe { thunk(words.as_ptr(), result.as_mut_ptr()) };
        // SAFETY: the GIL is held.
        let raised = unsafe { PyErr_GetRaisedException() };
        let exception = if raised.is_null() {
            String::new()
        } else {
            self.show(raised)
        };
        // SAFETY: the GIL is held.
        unsafe { PyType_ClearCache() };
        // Counts come before anything else may change them.
        let after: Vec<i64> = objects
            .iter()
            .filter(|_| is_held)
            .map(|(v, _)| count(*v))
            .collect();
        let result = self.result(row, result_type, result, &objects);
        let arguments = objects.iter().zip(before.iter().zip(&after));
        let arguments = arguments
            .map(|((v, _), (before, after))| (self.show(*v), after - before))
            .collect();
        let log = self.text("take_log()");
        // SAFETY: each reference that is still ours is released once.
        unsafe {
            if !raised.is_null() {
                Py_DecRef(raised);
            }
            for (v, steals) in objects {
                if is_held {
                    Py_DecRef(v);
                }
                if !steals {
                    Py_DecRef(v);
                }
            }
        }
        self.text("take_log()");
        Some(Outcome {
            result,
            exception,
            arguments,
            log,
        })
    }

    /// Has the method cache know what the class of an object has under each name.
    fn cache_names(&self, v: O) {
        for name in ["x", "y", "absent", "method", "__class__", "__dict__"] {
            // A constant is interned, and mortal.
            let name = self.eval(&format!("'{name}'"), 258);
            // SAFETY: the GIL is held; nothing but dictionaries of classes is looked into.
            unsafe {
                let class = PyObject_Type(v);
                _PyType_Lookup(class, name);
                Py_DecRef(class);
                Py_DecRef(name);
            }
        }
    }

    fn result(&self, row: &Row, ty: &str, words: [u64; 2], objects: &[(O, bool)]) -> String {
        let double = |bits: u64| match f64::from_bits(bits) {
            v if v.is_nan() => "nan".to_owned(),
            v => format!("{v:e}"),
        };
        let object = |word: u64| {
            let v = word as O;
            if v.is_null() {
                return "NULL".to_owned();
            }
            let same = objects.iter().position(|(it, _)| *it == v);
            let text = format!("{} {same:?}", self.show(v));
            if row.is_new {
                // SAFETY: the row says that the reference is ours.
                unsafe { Py_DecRef(v) };
            }
            text
        };
        match ty {
            "void" => String::new(),
            "ptr" => object(words[0]),
            "{ ptr, ptr }" => words.map(object).join(", "),
            "double" => double(words[0]),
            "{ double, i64 }" if words[1] != 0 => double(words[0]),
            "{ i64, i64 }" if words[1] != 0 => format!("{}", words[0] as i64),
            "{ double, i64 }" | "{ i64, i64 }" => "no value".to_owned(),
            _ => format!("{}", words[0] as i64),
        }
    }
}

/// The reference count of an object. Source: `Py_REFCNT`.
fn count(v: O) -> i64 {
    // SAFETY: an object begins with its count, and v is alive.
    unsafe { *v.cast::<i64>() }
}
