//! Panics and C++ exceptions that pass through generated code.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use martlet_machine_code::{DefaultTarget, EntryKey, Object, Runtime, Source, Strategy};
use support::*;

type CallsBack = unsafe extern "C-unwind" fn(extern "C-unwind" fn()) -> u64;

extern "C-unwind" fn not_compiled(callback: extern "C-unwind" fn()) -> u64 {
    callback();
    0
}

/// `int body(void (*callback)(void)) { callback(); return 7; }`, with unwind tables.
fn calls_back_compiled() -> Vec<u8> {
    let source = "int body(void (*callback)(void)) { callback(); return 7; }";
    let tables = ["-fexceptions", "-fasynchronous-unwind-tables"];
    let flags = [&["-x", "c", "-O1", "-fPIC", "-c"][..], &tables].concat();
    let object = compile("cc", &flags, source, "o");
    read_and_remove(&object.expect("a C compiler, without which Rust does not link"))
}

fn read_and_remove(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).expect("the object");
    std::fs::remove_file(file).expect("it is ours");
    bytes
}

/// What a compiler makes of a source, or `None` if there is no such compiler.
fn compile(compiler: &str, flags: &[&str], source: &str, extension: &str) -> Option<PathBuf> {
    let stem = format!(
        "martlet-unwind-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let folder = std::env::temp_dir();
    let input = folder.join(format!("{stem}.txt"));
    let output = folder.join(format!("{stem}.{extension}"));
    std::fs::write(&input, source).expect("a temporary file");
    let status = Command::new(compiler)
        .args(flags)
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .status();
    std::fs::remove_file(&input).expect("it is ours");
    let status = status.ok()?;
    assert!(status.success(), "{compiler}: {status}");
    Some(output)
}

fn unwinding_runtime() -> Runtime {
    let builder = Runtime::builder().reserve(16 << 20);
    // SAFETY: the objects are a compiler's.
    let builder = unsafe { builder.unwind_tables(true) };
    builder.build().expect("executable memory")
}

/// Publishes the function that calls back, and hands a way to enter it to `act`; it is retired inside.
fn with_body(runtime: &Runtime, act: &dyn Fn(&dyn Fn(extern "C-unwind" fn()) -> u64)) {
    // SAFETY: a function of this test, called as `CallsBack`.
    let default = unsafe { DefaultTarget::new(not_compiled as *const ()) };
    let key = EntryKey {
        identity: 1,
        signature: 0,
    };
    let entry = runtime
        .entry(key, Strategy::IndirectCell, default)
        .expect("a new entry");
    let object = calls_back_compiled();
    for version in 0..3 {
        let code = runtime
            .publish(&Object::new(id(1, version), Source::Elf(&object), ENTRY))
            .expect("a good object");
        entry.relink(&code).expect("the same identity");
        let thread = runtime.attach();
        let enter = |callback: extern "C-unwind" fn()| {
            let activation = thread.enter(&entry);
            // SAFETY: the default and all versions are `CallsBack`.
            let function = unsafe { activation.as_fn::<CallsBack>() };
            // SAFETY: the callback may unwind, and so may the function.
            unsafe { function(callback) }
        };
        act(&enter);
        drop(code);
        assert_eq!(
            runtime.collect(&|_| false).freed,
            [id(1, version)],
            "it was left"
        );
    }
}

/// A library of this C++ source, which is never unloaded and runs nothing when it is loaded. `None` if there is no
/// compiler.
fn load_cpp(source: &str) -> Option<*mut libc::c_void> {
    let flags = ["-x", "c++", "-shared", "-fPIC", "-O1"];
    let library = compile("c++", &flags, source, "so")?;
    let path = std::ffi::CString::new(library.to_str().expect("UTF-8")).expect("no zeroes");
    // SAFETY: see above.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!handle.is_null());
    std::fs::remove_file(&library).expect("it is ours");
    Some(handle)
}

extern "C-unwind" fn returns_normally() {}

extern "C-unwind" fn panics() {
    std::panic::resume_unwind(Box::new(41));
}

#[test]
fn panics_pop_activations() {
    with_body(&unwinding_runtime(), &|enter| {
        assert_eq!(enter(returns_normally), 7);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| enter(panics)));
        let payload = caught.expect_err("it panics through the body");
        assert_eq!(payload.downcast_ref(), Some(&41));
    });
}

/// Thrown by C++ in the callee, caught by C++ around the caller; Rust and generated code stand in between.
#[test]
fn cpp_exceptions_pop_activations() {
    let source = r#"
        extern "C" void throws() { throw 42; }
        extern "C" int catches(void (*call)(void *), void *context) {
            try { call(context); } catch (int number) { return number; }
            return 0;
        }
    "#;
    let Some(handle) = load_cpp(source) else {
        eprintln!("there is no C++ compiler: not tested");
        return;
    };
    // SAFETY: the library stays loaded.
    let symbol = |name: &std::ffi::CStr| unsafe { libc::dlsym(handle, name.as_ptr()) };
    type Catches =
        unsafe extern "C-unwind" fn(extern "C-unwind" fn(*const Call<'_>), *const Call<'_>) -> i32;
    struct Call<'a>(&'a dyn Fn());
    extern "C-unwind" fn call(it: *const Call<'_>) {
        // SAFETY: it outlives the call.
        (unsafe { &*it }.0)();
    }
    // SAFETY: the library defines them so.
    let (throws, catches) = unsafe {
        (
            std::mem::transmute::<*mut libc::c_void, extern "C-unwind" fn()>(symbol(c"throws")),
            std::mem::transmute::<*mut libc::c_void, Catches>(symbol(c"catches")),
        )
    };
    with_body(&unwinding_runtime(), &|enter| {
        let run = || {
            enter(throws);
        };
        // SAFETY: the context outlives the call.
        assert_eq!(unsafe { catches(call, &Call(&run)) }, 42);
    });
}

/// Generated code that catches: its tables name a personality, types, and landing pads.
#[test]
fn generated_code_catches() {
    let Some(library) = load_cpp("extern \"C\" void throws() { throw 42; }") else {
        eprintln!("there is no C++ compiler: not tested");
        return;
    };
    let source = r#"
        extern "C" int body(void (*callback)()) {
            try { callback(); } catch (int number) { return number; }
            return 7;
        }
    "#;
    let flags = ["-x", "c++", "-O1", "-fPIC", "-c"];
    let object = compile("c++", &flags, source, "o").expect("the same compiler");
    let bytes = read_and_remove(&object);
    let runtime = unwinding_runtime();
    let resolve = |name: &str| {
        let name = std::ffi::CString::new(name).ok()?;
        // SAFETY: it only looks the name up, in the library and in what that needs.
        let address = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!address.is_null()).then(|| address.addr())
    };
    let throws = resolve("throws").expect("the library defines it");
    // SAFETY: the library defines it so.
    let throws = unsafe { std::mem::transmute::<usize, extern "C-unwind" fn()>(throws) };
    // SAFETY: a function of this test, called as `CallsBack`.
    let default = unsafe { DefaultTarget::new(not_compiled as *const ()) };
    let key = EntryKey {
        identity: 1,
        signature: 0,
    };
    let entry = runtime.entry(key, Strategy::IndirectCell, default);
    let entry = entry.expect("a new entry");
    let code = runtime.publish(&Object {
        resolve: &resolve,
        ..Object::new(id(1, 1), Source::Elf(&bytes), ENTRY)
    });
    let code = code.expect("a good object");
    entry.relink(&code).expect("the same identity");
    // SAFETY: all versions are `CallsBack`, and none is freed meanwhile.
    let body = unsafe { entry.as_fn::<CallsBack>() };
    for (callback, expected) in [
        (returns_normally as extern "C-unwind" fn(), 7),
        (throws, 42),
    ] {
        // SAFETY: the body catches what the callback throws.
        let result = unsafe { body(callback) };
        assert_eq!(result & 0xffff_ffff, expected);
    }
}
