//! Requests through the C interface of the shared object, opened as the extension opens it.

use martlet_snapshot::{
    CodeSnapshot, EntryPoint, Mode, ObjId, Object, Reply, Request, Stage, Unit, decode, encode,
    interface,
};
use object::{Object as _, ObjectSymbol};
use std::ffi::{CStr, CString, c_void};
use std::path::PathBuf;

type Compile = unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut *mut u8, *mut usize) -> i32;

/// A compiler in the shared object.
struct Opened {
    compiler: *mut c_void,
    compile: Compile,
    buffer_free: unsafe extern "C" fn(*mut u8, usize),
    release: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    live: unsafe extern "C" fn(*mut c_void) -> u64,
    free: unsafe extern "C" fn(*mut c_void),
}

// SAFETY: the interface may be used from any thread.
unsafe impl Sync for Opened {}

impl Opened {
    fn new() -> Self {
        // The test stands in `deps`, beside or below the library.
        let mut path = std::env::current_exe().unwrap();
        let found = loop {
            path.pop();
            let library: PathBuf = path.join("libmartlet_compiler.so");
            if library.exists() {
                break CString::new(library.to_str().unwrap()).unwrap();
            }
            assert!(path.parent().is_some(), "no libmartlet_compiler.so");
        };
        // SAFETY: a C string.
        let handle = unsafe { libc::dlopen(found.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{found:?} cannot be opened");
        let symbol = |name: &CStr| {
            // SAFETY: an open object and a C string.
            let at = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!at.is_null(), "no {name:?}");
            at
        };
        // SAFETY: (all) these are the types of the functions with these names.
        unsafe {
            let abi: extern "C" fn() -> u64 = std::mem::transmute(symbol(c"martlet_compiler_abi"));
            assert_eq!(abi(), interface(martlet_helpers::SEAL.bitcode));
            let new: extern "C" fn() -> *mut c_void =
                std::mem::transmute(symbol(c"martlet_compiler_new"));
            Self {
                compiler: new(),
                compile: std::mem::transmute::<*mut c_void, Compile>(symbol(
                    c"martlet_compiler_compile",
                )),
                buffer_free: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut u8, usize)>(
                    symbol(c"martlet_compiler_buffer_free"),
                ),
                release: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut c_void, u64) -> i32,
                >(symbol(c"martlet_compiler_release")),
                live: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> u64>(
                    symbol(c"martlet_compiler_live_functions"),
                ),
                free: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(
                    symbol(c"martlet_compiler_free"),
                ),
            }
        }
    }

    fn raw(&self, request: &[u8]) -> Result<Vec<u8>, i32> {
        let (mut out, mut len) = (std::ptr::null_mut(), 0);
        // SAFETY: a live compiler, readable bytes, room for the answer, which is given back.
        unsafe {
            let code = (self.compile)(
                self.compiler,
                request.as_ptr(),
                request.len(),
                &mut out,
                &mut len,
            );
            if code != 0 {
                assert!(out.is_null());
                return Err(code);
            }
            let reply = std::slice::from_raw_parts(out, len).to_vec();
            (self.buffer_free)(out, len);
            Ok(reply)
        }
    }

    fn reply(&self, request: &Request) -> Reply {
        decode(&self.raw(&encode(request)).unwrap()).unwrap()
    }

    fn unit(&self, request: &Request) -> Unit {
        self.reply(request).outcome.unwrap()
    }

    fn release(&self, function: u64) -> i32 {
        // SAFETY: a live compiler.
        unsafe { (self.release)(self.compiler, function) }
    }

    fn live(&self) -> u64 {
        // SAFETY: a live compiler.
        unsafe { (self.live)(self.compiler) }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: once, and nobody uses it any more.
        unsafe { (self.free)(self.compiler) };
    }
}

/// `def add(a, b): return a + b`, after it added ints.
fn add(function: u64) -> Request {
    const CODE: [u8; 10] = [
        149, 0, // RESUME
        88, 1, // LOAD_FAST_LOAD_FAST a, b
        45, 0, 0, 0, // BINARY_OP +
        36, 0, // RETURN_VALUE
    ];
    let mut adaptive = CODE.to_vec();
    adaptive[4] = 151; // BINARY_OP_ADD_INT
    adaptive[6] = 0x40;
    let code = CodeSnapshot {
        name: "add".into(),
        qualname: "add".into(),
        first_line: 1,
        flags: 3,
        arg_count: 2,
        n_locals: 2,
        stack_size: 2,
        frame_size: 15,
        code: CODE.to_vec(),
        adaptive,
        local_names: vec!["a".into(), "b".into()],
        local_kinds: vec![0x20, 0x20],
        consts: vec![ObjId(0)],
        ..CodeSnapshot::default()
    };
    Request {
        function,
        entry: EntryPoint::Start,
        mode: Mode {
            verify: true,
            ..Mode::default()
        },
        codes: vec![code],
        objects: vec![Object::None],
        avoid: vec![],
    }
}

#[test]
fn a_function_becomes_an_object() {
    let opened = Opened::new();
    let unit = opened.unit(&add(7));
    let file = object::File::parse(&*unit.object).unwrap();
    // Nothing else is defined for others: bodies of helpers were borrowed only.
    let globals = || file.symbols().filter(|symbol| symbol.is_global());
    let defined: Vec<_> = globals().filter(|symbol| !symbol.is_undefined()).collect();
    let names: Vec<_> = defined
        .iter()
        .map(|symbol| symbol.name().unwrap())
        .collect();
    assert_eq!(names, [&unit.symbol]);
    assert!(globals().any(|symbol| symbol.name() == Ok("martlet_exit")));
    assert!(unit.costs.bytecodes >= 3 && unit.costs.ir_instructions > 0);
    assert!(unit.costs.hir_instructions > 0 && unit.costs.ir_instructions_optimised > 0);
}

#[test]
fn every_stage_has_its_text() {
    let mut request = add(1);
    let stages = [
        Stage::Bytecode,
        Stage::Hir,
        Stage::Ir,
        Stage::IrOpt,
        Stage::Asm,
    ];
    request.mode.dump = stages.to_vec();
    let reply = Opened::new().reply(&request);
    assert!(reply.outcome.is_ok(), "{:?}", reply.outcome);
    assert_eq!(
        reply
            .dumps
            .iter()
            .map(|dump| dump.stage)
            .collect::<Vec<_>>(),
        stages
    );
    let marks = [
        "BINARY_OP 0 { BinaryOpInt }",
        "int_bin.add",
        "define",
        "define",
        ".globl",
    ];
    for (dump, mark) in reply.dumps.iter().zip(marks) {
        assert!(dump.text.contains(mark), "no {mark} in {}", dump.text);
    }
}

#[test]
fn lines_tell_of_each_listing_and_leave_the_code_as_it_is() {
    let plain = Opened::new().unit(&add(1));
    let mut request = add(1);
    // Entries without columns, of eight units each, all of the first line.
    request.codes[0].line_table = [0xef, 0].repeat(8);
    request.mode.dump = vec![Stage::Lines];
    let reply = Opened::new().reply(&request);
    assert!(reply.outcome.unwrap().object == plain.object);
    let lines: serde_json::Value = serde_json::from_str(&reply.dumps[0].text).unwrap();
    for listing in ["bytecode", "hir", "asm"] {
        let listing = lines[listing].as_array().unwrap();
        assert!(listing.iter().any(|it| it["line"].is_u64()), "{listing:?}");
    }
    let asm = lines["asm"].as_array().unwrap().iter();
    let directives = asm.filter(|it| it["text"].as_str().unwrap().trim().starts_with(".loc"));
    assert_eq!(directives.count(), 0);
    assert!(lines["notes"].is_array());
}

#[test]
fn a_refusal_has_a_reason_and_the_dumps_so_far() {
    let mut request = add(1);
    request.codes[0].code[0] = 0;
    request.mode.dump = vec![Stage::Bytecode, Stage::Hir];
    let reply = Opened::new().reply(&request);
    let (reason, detail) = reply.outcome.unwrap_err();
    assert_eq!(reason, "bytecode");
    assert_eq!(detail, "unknown opcode 0 at 0");
    assert_eq!(reply.dumps.len(), 1);
}

#[test]
fn bytes_that_are_no_request_have_no_reply() {
    let opened = Opened::new();
    assert_eq!(opened.raw(&[]), Err(-1));
    assert_eq!(opened.raw(&[255; 40]), Err(-1));
}

#[test]
fn functions_are_held_until_released() {
    let opened = Opened::new();
    for _ in 0..3 {
        opened.unit(&add(1));
        opened.unit(&add(2));
    }
    assert_eq!(opened.live(), 2);
    assert_eq!(opened.release(1), 0);
    assert_eq!(opened.release(1), 1);
    assert_eq!(opened.live(), 1);
    assert_eq!(opened.release(2), 0);
    assert_eq!(opened.live(), 0);
    // A name that was used before may be used again.
    assert_eq!(opened.unit(&add(1)).symbol, "py.add");
}

#[test]
fn threads_share_a_compiler() {
    let opened = &Opened::new();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || {
                for k in 0..4 {
                    opened.unit(&add(thread * 4 + k));
                }
            });
        }
    });
    assert_eq!(opened.live(), 12);
}

/// The requests that the frontend's tests have from the interpreter, with their names.
fn requests_of_the_interpreter() -> Vec<(String, Request)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/tests/snapshots");
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        requests.push((name, serde_json::from_str(&text).unwrap()));
    }
    assert!(requests.len() >= 8, "only {} requests", requests.len());
    requests
}

/// What code names stands in its slots or is a symbol that is bound when it is linked: no address of anything is a
/// number in the code. The only numbers that are pointers are 1, the sentinel, and 2, which says "go on".
#[test]
fn ir_names_its_globals() {
    let opened = Opened::new();
    for (name, mut request) in requests_of_the_interpreter() {
        request.mode.dump = vec![Stage::Ir, Stage::IrOpt];
        for dump in opened.reply(&request).dumps {
            assert!(
                dump.text.contains("@martlet.slots"),
                "{name}: {}",
                dump.text
            );
            for literal in dump.text.split("inttoptr (i64 ").skip(1) {
                let is_mark = ["1 to ptr)", "2 to ptr)"]
                    .iter()
                    .any(|it| literal.starts_with(it));
                assert!(is_mark, "{name}: {literal}");
            }
        }
    }
}

/// All compile with every verifier on. With `MARTLET_TEST_DUMP=name` the stages of that one are printed.
#[test]
fn requests_of_the_interpreter_become_objects() {
    let opened = Opened::new();
    let wanted = std::env::var("MARTLET_TEST_DUMP").ok();
    for (name, mut request) in requests_of_the_interpreter() {
        let shown = wanted.as_deref() == Some(&name);
        if shown {
            request.mode.dump = vec![Stage::Hir, Stage::IrOpt, Stage::Asm];
        }
        let reply = opened.reply(&request);
        for dump in &reply.dumps {
            println!("---- {name} {:?}\n{}", dump.stage, dump.text);
        }
        match reply.outcome {
            Ok(unit) => println!("{name}: {:?}", unit.costs),
            Err((reason, detail)) => panic!("{name}: {reason}: {detail}"),
        }
    }
}
