//! The native helpers in a real interpreter, checked against what the interpreter itself computes.
//!
//! All of it is one test: there is one interpreter in a process, and it belongs to one thread.

use martlet_helpers::{HELPERS, LayoutError, LayoutProbe, SEAL, native_symbols};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null_mut;

type O = *mut c_void;

/// `martlet_body`.
type Body = unsafe extern "C" fn(ts: O, frame: O) -> O;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct IntOk {
    value: i64,
    ok: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct FloatOk {
    value: f64,
    ok: i64,
}

unsafe extern "C" {
    fn Py_InitializeEx(signals: c_int);
    fn PyThreadState_Get() -> O;
    fn PyImport_AddModule(name: *const c_char) -> O;
    fn PyModule_GetDict(module: O) -> O;
    fn PyRun_String(text: *const c_char, start: c_int, globals: O, locals: O) -> O;
    fn PyErr_Print();
    fn PyErr_Clear();
    fn PyErr_GetRaisedException() -> O;
    fn PyFloat_AsDouble(v: O) -> f64;
    fn PyLong_AsLongLong(v: O) -> i64;
    fn PyLong_FromLongLong(v: i64) -> O;
    fn PyObject_RichCompareBool(a: O, b: O, op: c_int) -> c_int;
    fn Py_DecRef(v: O);

    fn martlet_init() -> c_int;
    fn martlet_fini();
    fn martlet_int_box(ts: O, value: i64) -> O;
    fn martlet_int_unbox(v: O) -> IntOk;
    fn martlet_decref_int(v: O);
    fn martlet_int_floordiv(a: i64, b: i64) -> i64;
    fn martlet_int_mod(a: i64, b: i64) -> i64;
    fn martlet_int_lshift(a: i64, b: i64) -> IntOk;
    fn martlet_int_rshift(a: i64, b: i64) -> i64;
    fn martlet_int_pow(a: i64, b: i64) -> IntOk;
    fn martlet_int_truediv(a: i64, b: i64) -> FloatOk;
    fn martlet_float_box(ts: O, value: f64) -> O;
    fn martlet_float_value(v: O) -> f64;
    fn martlet_decref_float(ts: O, v: O);
    fn martlet_float_floordiv(a: f64, b: f64) -> f64;
    fn martlet_float_mod(a: f64, b: f64) -> f64;
    fn martlet_float_pow(a: f64, b: f64) -> FloatOk;
    fn martlet_list_item(list: O, i: i64) -> O;
    fn martlet_list_store_float(ts: O, list: O, i: i64, v: f64) -> c_int;
    fn martlet_list_store_int(ts: O, list: O, i: i64, v: i64) -> c_int;
    fn martlet_unpack_ex(ts: O, seq: O, before: i64, after: i64, out: *mut O) -> c_int;
    fn martlet_call(ts: O, callable: O, this: O, args: *const O, n: i64) -> O;
    fn martlet_raise(ts: O, exc: O, cause: O);
    fn martlet_frame_push(ts: O, function: O, n_locals: u32, frame_size: u32) -> O;
    fn martlet_frame_arg(callee: O, i: u32, v: O);
    fn martlet_frame_run(ts: O, callee: O, cell: *const Body) -> O;
    fn martlet_local(frame: O, i: u32) -> O;
    fn martlet_incref(v: O);
}

const EQ: c_int = 2;

/// The interpreter of this process.
struct Python {
    ts: O,
    globals: O,
}

impl Python {
    fn start() -> Self {
        // SAFETY: the only test of this process, on one thread, which holds the GIL from here on.
        unsafe {
            Py_InitializeEx(0);
            let globals = PyModule_GetDict(PyImport_AddModule(c"__main__".as_ptr()));
            assert_eq!(martlet_init(), 0);
            Python {
                ts: PyThreadState_Get(),
                globals,
            }
        }
    }

    /// Runs statements (`start` 257) or evaluates an expression (258); `None`: an exception.
    fn run(&self, text: &str, start: c_int) -> Option<O> {
        let text = CString::new(text).expect("no NUL in it");
        // SAFETY: the GIL is held; the texts are ours.
        let result = unsafe { PyRun_String(text.as_ptr(), start, self.globals, self.globals) };
        (!result.is_null()).then_some(result)
    }

    fn eval(&self, text: &str) -> O {
        self.run(text, 258).unwrap_or_else(|| {
            // SAFETY: the GIL is held.
            unsafe { PyErr_Print() };
            panic!("`{text}` raised");
        })
    }

    /// The value of an expression as a float, bit by bit; `None` if it raises or is a complex number.
    fn float(&self, text: &str) -> Option<u64> {
        let text = format!("(lambda r: r if type(r) is float else 1/0)({text})");
        let Some(v) = self.run(&text, 258) else {
            // SAFETY: the GIL is held.
            unsafe { PyErr_Clear() };
            return None;
        };
        // SAFETY: v is a float that we own.
        unsafe {
            let bits = PyFloat_AsDouble(v).to_bits();
            Py_DecRef(v);
            Some(bits)
        }
    }

    /// The value of an expression as an int of 64 bits; `None` if it raises or does not fit.
    fn int(&self, text: &str) -> Option<i64> {
        let text =
            format!("(lambda r: r if type(r) is int and -2**63 <= r < 2**63 else 1/0)({text})");
        let Some(v) = self.run(&text, 258) else {
            // SAFETY: the GIL is held.
            unsafe { PyErr_Clear() };
            return None;
        };
        // SAFETY: v is an int that we own.
        unsafe {
            let value = PyLong_AsLongLong(v);
            Py_DecRef(v);
            Some(value)
        }
    }
}

/// A double as an expression that gives exactly it.
fn shown(v: f64) -> String {
    if v.is_nan() {
        "float('nan')".to_owned()
    } else {
        format!("float('{v:e}')")
    }
}

const INTS: [i64; 22] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    -5,
    -6,
    7,
    63,
    64,
    256,
    257,
    1 << 30,
    -(1 << 30),
    (1 << 53) + 1,
    1 << 53,
    1 << 59,
    1 << 60,
    -(1 << 60),
    i64::MAX,
    i64::MIN,
];

const FLOATS: [f64; 19] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    7.25,
    1e308,
    -1e308,
    1e-308,
    5e-324,
    1e16,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn helpers_do_what_the_interpreter_does() {
    let python = Python::start();
    every_helper_has_an_address();
    structures_are_where_they_were();
    ints(&python);
    freelist_reuses_blocks(&python);
    floats(&python);
    lists(&python);
    unpacking_and_calls(&python);
    raising(&python);
    calls_between_versions(&python);
    // SAFETY: the GIL is held, and no helper runs after this.
    unsafe { martlet_fini() };
}

/// The helpers were compiled for this interpreter; of one that differs, structure and member are named.
fn structures_are_where_they_were() {
    let unchecked = martlet_helpers::check_layout().expect("built for this interpreter");
    assert!(unchecked.is_empty(), "{unchecked:?}");
    let probe = martlet_helpers::Running;
    let frame = "struct _PyInterpreterFrame";
    assert!(probe.size(frame).is_some_and(|size| size >= 80));
    assert!(probe.offset("PyListObject", "ob_item").is_some());
    assert_eq!(probe.offset(frame, "absent"), None);
    let error = SEAL.check_layout(&Doctored).expect_err("the frame differs");
    assert_eq!(
        error,
        LayoutError::Offset {
            structure: frame,
            field: "instr_ptr",
            built: probe.offset(frame, "instr_ptr").expect("it says so"),
            found: 4,
        }
    );
    assert!(
        error
            .to_string()
            .contains("`instr_ptr` of `struct _PyInterpreterFrame` is at 4")
    );
}

/// An interpreter with another frame.
struct Doctored;

impl LayoutProbe for Doctored {
    fn size(&self, structure: &str) -> Option<u64> {
        martlet_helpers::Running.size(structure)
    }

    fn offset(&self, structure: &str, field: &str) -> Option<u64> {
        match field {
            "instr_ptr" => Some(4),
            _ => martlet_helpers::Running.offset(structure, field),
        }
    }
}

fn every_helper_has_an_address() {
    let symbols = native_symbols();
    for helper in HELPERS {
        let found = symbols.iter().find(|(name, _)| *name == helper.name);
        assert!(
            found.is_some_and(|(_, address)| *address != 0),
            "{}",
            helper.name
        );
    }
    for name in ["PyLong_Type", "_Py_Dealloc", "martlet_ints", "memset"] {
        assert!(symbols.iter().any(|(symbol, _)| *symbol == name), "{name}");
    }
}

fn ints(python: &Python) {
    // SAFETY: the GIL is held; operands meet the preconditions of each helper.
    unsafe {
        for v in INTS {
            let ours = martlet_int_box(python.ts, v);
            let theirs = PyLong_FromLongLong(v);
            assert_eq!(PyObject_RichCompareBool(ours, theirs, EQ), 1, "{v}");
            assert_eq!(ours == theirs, (-5..257).contains(&v), "identity of {v}");
            assert_eq!(martlet_int_unbox(ours), IntOk { value: v, ok: 1 });
            martlet_decref_int(ours);
            Py_DecRef(theirs);
        }
        for text in ["2**63", "-2**63 - 1", "10**40"] {
            let v = python.eval(text);
            assert_eq!(martlet_int_unbox(v).ok, 0, "{text}");
            Py_DecRef(v);
        }
        for a in INTS {
            for b in INTS {
                let fits = b != 0 && (a, b) != (i64::MIN, -1);
                if fits {
                    assert_eq!(
                        Some(martlet_int_floordiv(a, b)),
                        python.int(&format!("{a} // {b}")),
                        "{a} // {b}"
                    );
                    assert_eq!(
                        Some(martlet_int_mod(a, b)),
                        python.int(&format!("({a}) % {b}")),
                        "{a} % {b}"
                    );
                }
                if b < 1000 {
                    // Larger shifts and powers do not fit, and the interpreter should not try.
                    check_int(martlet_int_lshift(a, b), python, &format!("({a}) << {b}"));
                    check_int(martlet_int_pow(a, b), python, &format!("({a}) ** {b}"));
                }
                if b >= 0 {
                    assert_eq!(
                        Some(martlet_int_rshift(a, b)),
                        python.int(&format!("({a}) >> {b}")),
                        "{a} >> {b}"
                    );
                }
                let quotient = martlet_int_truediv(a, b);
                let expected = python.float(&format!("({a}) / {b}"));
                let small = a.unsigned_abs() <= 1 << 53 && b.unsigned_abs() <= 1 << 53;
                let given = (quotient.ok != 0).then_some(quotient.value.to_bits());
                assert_eq!(given, expected.filter(|_| small), "{a} / {b}");
            }
        }
    }
}

fn check_int(given: IntOk, python: &Python, text: &str) {
    assert_eq!(
        (given.ok != 0).then_some(given.value),
        python.int(text),
        "{text}"
    );
}

fn freelist_reuses_blocks(python: &Python) {
    // SAFETY: the GIL is held; each object is released once.
    unsafe {
        let first = martlet_int_box(python.ts, 1_000_000);
        martlet_decref_int(first);
        let second = martlet_int_box(python.ts, -(1 << 45));
        assert_eq!(first, second, "the block comes back");
        assert_eq!(martlet_int_unbox(second).value, -(1 << 45));
        martlet_decref_int(second);
        // The interpreter can free what we made, and we what it made.
        for v in 0..1000 {
            Py_DecRef(martlet_int_box(python.ts, 1000 + v));
            martlet_decref_int(PyLong_FromLongLong(1000 + v));
        }
    }
}

fn floats(python: &Python) {
    // SAFETY: the GIL is held; operands meet the preconditions of each helper.
    unsafe {
        for a in FLOATS {
            let ours = martlet_float_box(python.ts, a);
            assert_eq!(martlet_float_value(ours).to_bits(), a.to_bits());
            martlet_decref_float(python.ts, ours);
            for b in FLOATS {
                let (x, y) = (shown(a), shown(b));
                if b != 0.0 {
                    check_float(martlet_float_floordiv(a, b), python, &format!("{x} // {y}"));
                    check_float(martlet_float_mod(a, b), python, &format!("{x} % {y}"));
                }
                let power = martlet_float_pow(a, b);
                let expected = python.float(&format!("{x} ** {y}"));
                assert_eq!(
                    (power.ok != 0).then(|| canonical(power.value)),
                    expected.map(same),
                    "{x} ** {y}"
                );
            }
        }
    }
}

fn check_float(given: f64, python: &Python, text: &str) {
    assert_eq!(
        Some(canonical(given)),
        python.float(text).map(same),
        "{text}"
    );
}

/// Bits of a double; which NaN it is says nothing.
fn canonical(v: f64) -> u64 {
    if v.is_nan() {
        f64::NAN.to_bits()
    } else {
        v.to_bits()
    }
}

fn same(bits: u64) -> u64 {
    canonical(f64::from_bits(bits))
}

fn lists(python: &Python) {
    // SAFETY: the GIL is held; indices are in range.
    unsafe {
        let list = python.eval("[float('1.5'), 100000 * 3, 'a', 7]");
        let float = martlet_list_item(list, 0);
        assert_eq!(martlet_list_store_float(python.ts, list, 0, 2.5), 0);
        // Nothing else refers to either: both are overwritten where they are.
        assert_eq!(martlet_list_item(list, 0), float);
        assert_eq!(martlet_list_store_int(python.ts, list, 1, -400_000), 0);
        assert_eq!(
            martlet_int_unbox(martlet_list_item(list, 1)).value,
            -400_000
        );
        // A small int is the interpreter's own, and a str is no place for a float.
        assert_eq!(martlet_list_store_int(python.ts, list, 1, 5), 0);
        assert_eq!(martlet_list_store_float(python.ts, list, 2, 0.25), 0);
        assert_eq!(martlet_list_store_int(python.ts, list, 3, 1 << 62), 0);
        let expected = python.eval("[2.5, 5, 0.25, 1 << 62]");
        assert_eq!(PyObject_RichCompareBool(list, expected, EQ), 1);
        let five = PyLong_FromLongLong(5);
        assert_eq!(martlet_list_item(list, 1), five);
        Py_DecRef(expected);
        Py_DecRef(list);
    }
}

fn unpacking_and_calls(python: &Python) {
    // SAFETY: the GIL is held; `out` has room for 1 + 1 + 2 items; args has a word before it.
    unsafe {
        let seq = python.eval("iter('abcde')");
        let mut out = [null_mut(); 4];
        assert_eq!(martlet_unpack_ex(python.ts, seq, 1, 2, out.as_mut_ptr()), 0);
        let join = python.eval("lambda *parts: parts == ('a', ['b', 'c'], 'd', 'e')");
        let args = [null_mut(), out[0], out[1], out[2], out[3]];
        let answer = martlet_call(python.ts, join, null_mut(), args.as_ptr().add(1), 4);
        assert_eq!(answer, python.eval("True"), "items come in order");
        let method = python.eval("[3, 1, 2].index");
        let args = [null_mut(), python.eval("1")];
        let answer = martlet_call(python.ts, method, null_mut(), args.as_ptr().add(1), 1);
        assert_eq!(martlet_int_unbox(answer).value, 1);
        assert_eq!(
            martlet_unpack_ex(python.ts, python.eval("'ab'"), 1, 2, out.as_mut_ptr()),
            -1
        );
        PyErr_Clear();
    }
}

fn raising(python: &Python) {
    // SAFETY: the GIL is held; what is raised is cleared.
    unsafe {
        for (exc, cause, check) in [
            (
                "ValueError",
                "None",
                "type(e) is ValueError and e.__suppress_context__",
            ),
            (
                "KeyError('k')",
                "OSError",
                "e.args == ('k',) and type(e.__cause__) is OSError",
            ),
            (
                "3",
                "None",
                "str(e) == 'exceptions must derive from BaseException'",
            ),
            (
                "KeyError",
                "4",
                "str(e) == 'exception causes must derive from BaseException'",
            ),
        ] {
            martlet_raise(python.ts, python.eval(exc), python.eval(cause));
            let raised = PyErr_GetRaisedException();
            assert!(!raised.is_null(), "{exc}");
            let check = python.eval(&format!("lambda e: {check}"));
            let args = [null_mut(), raised];
            let answer = martlet_call(python.ts, check, null_mut(), args.as_ptr().add(1), 1);
            assert_eq!(answer, python.eval("True"), "raise {exc} from {cause}");
        }
        martlet_raise(python.ts, null_mut(), null_mut());
        assert!(
            !PyErr_GetRaisedException().is_null(),
            "nothing to raise again is an error too"
        );
    }
}

/// Words of a frame before its locals (FRAME_SPECIALS_SIZE).
const FRAME_WORDS: i64 = 9;

/// A body that returns its second parameter.
unsafe extern "C" fn second(_: O, frame: O) -> O {
    // SAFETY: called by martlet_frame_run with a frame that has two parameters.
    unsafe {
        let v = martlet_local(frame, 1);
        martlet_incref(v);
        v
    }
}

/// A body that gives up at once.
unsafe extern "C" fn interpreted(_: O, _: O) -> O {
    std::ptr::without_provenance_mut(1)
}

/// Calls `f(a, b)` through a cell; the arguments are expressions.
fn call_through(python: &Python, body: Body, a: &str, b: &str) -> O {
    let n_locals = python.int("f.__code__.co_nlocals").expect("an int");
    let frame_size =
        n_locals + python.int("f.__code__.co_stacksize").expect("an int") + FRAME_WORDS;
    // SAFETY: the GIL is held; the sizes are those of f's code; arguments are handed over.
    unsafe {
        let frame = martlet_frame_push(
            python.ts,
            python.eval("f"),
            n_locals as u32,
            frame_size as u32,
        );
        if frame.is_null() {
            return frame;
        }
        martlet_frame_arg(frame, 0, python.eval(a));
        martlet_frame_arg(frame, 1, python.eval(b));
        martlet_frame_run(python.ts, frame, &body)
    }
}

fn calls_between_versions(python: &Python) {
    let define = "import sys, weakref\nlog = []\nclass C: pass\ndef f(a, b):\n    c = (a, b)\n    \
                  log.append(sys._getframe().f_code.co_name)\n    return c if b else 1 / b\n";
    assert!(python.run(define, 257).is_some());
    // SAFETY: the GIL is held; results are used while they are owned.
    unsafe {
        for body in [second as Body, interpreted] {
            python.run("old = C(); death = weakref.ref(old, lambda _: log.append('gone')); held = [old]; del old", 257);
            let result = call_through(python, body, "held.pop()", "7");
            let expected = if std::ptr::fn_addr_eq(body, second as Body) {
                "7"
            } else {
                "(death(), 7)"
            };
            let expected = python.eval(expected);
            assert_eq!(PyObject_RichCompareBool(result, expected, EQ), 1);
            Py_DecRef(expected);
            Py_DecRef(result);
        }
        assert_eq!(
            python.int("len(log)"),
            Some(3),
            "both arguments died, and f ran once"
        );
        assert!(call_through(python, interpreted, "1", "0").is_null());
        PyErr_Clear();
        // As deep as the interpreter lets it, and no deeper; then all is as before.
        assert!(call_through(python, deep, "1", "2").is_null());
        let error = PyErr_GetRaisedException();
        let check = python.eval("lambda e: type(e) is RecursionError");
        let args = [null_mut(), error];
        let answer = martlet_call(python.ts, check, null_mut(), args.as_ptr().add(1), 1);
        assert_eq!(answer, python.eval("True"));
        let result = call_through(python, second, "1", "2");
        assert_eq!(martlet_int_unbox(result).value, 2);
    }
}

/// A body that calls itself until it may not any more.
unsafe extern "C" fn deep(ts: O, frame: O) -> O {
    // SAFETY: called by martlet_frame_run; 2 locals and one more, as f has.
    unsafe {
        let function = *frame.cast::<O>().add(2);
        let callee = martlet_frame_push(ts, function, 3, 40);
        if callee.is_null() {
            return callee;
        }
        martlet_frame_run(ts, callee, &(deep as Body))
    }
}
