//! What compilers write: relocations of position-independent code at every level, by running what is linked.
//!
//! A C compiler is there wherever Rust links; clang is used as well where it is installed, for its code generator is
//! LLVM's.

mod support;

use std::path::PathBuf;
use std::process::Command;

use martlet_machine_code::{Error, Object, Source, Strategy};
use support::*;

const SOURCE: &str = r#"
    #include <stdint.h>
    #include <string.h>

    extern int puts_counts;                       /* far data, through an address slot */
    extern double far_function(double);           /* a far call */
    extern uint64_t maybe(void) __attribute__((weak));

    static int counter;                           /* zero-filled */
    static uint64_t seeds[] = {3, 5, 7};          /* variables */
    static const char *const names[] = {"zero", "one", "two", "three", "four"};

    static int add(int a, int b) { return a + b; }
    static int mul(int a, int b) { return a * b; }
    typedef int (*operation)(int, int);
    static const operation operations[] = {add, mul};

    /* A section of its own, in a group. */
    __attribute__((weak, noinline)) int weak_twice(int x) { return 2 * x; }

    __attribute__((noinline)) static int jump_table(unsigned x) {
        switch (x) {
        case 0: return 11;
        case 1: return 7 + counter;
        case 2: return -3;
        case 3: return 100;
        case 4: return (int)seeds[1];
        case 5: return 2 * counter + 1;
        case 6: return 77;
        default: return 0;
        }
    }

    __attribute__((noinline)) static double constants(double x) { return x * 1.5 + 0.25; }

    uint64_t body(void) {
        char text[64];
        uint64_t sum = 0;
        counter += 1;
        for (unsigned i = 0; i < 8; i++)
            sum = sum * 31 + (uint64_t)jump_table(i);
        for (unsigned i = 0; i < 5; i++) {
            strcpy(text, names[i]);
            sum = sum * 31 + strlen(text);
        }
        sum = sum * 31 + (uint64_t)operations[sum & 1](6, 7);
        sum = sum * 31 + (uint64_t)weak_twice(counter);
        sum = sum * 31 + (uint64_t)(constants(2.5) * 100);
        sum = sum * 31 + (uint64_t)far_function(0.5);
        sum = sum * 31 + (uint64_t)puts_counts;
        sum = sum * 31 + (maybe ? maybe() : 9);
        seeds[1] += 1;
        return sum;
    }
"#;

static PUTS_COUNTS: i32 = 12;

extern "C" fn far_function(x: f64) -> f64 {
    x * 1000.0
}

/// What the source answers at its first and its second call.
fn expected() -> [u64; 2] {
    let mut seed = 5u64;
    [1u64, 2].map(|counter| {
        let signed = |it: i64| it.cast_unsigned();
        let table = [
            11,
            7 + counter,
            signed(-3),
            100,
            seed,
            2 * counter + 1,
            77,
            0,
        ];
        let mut sum = table
            .iter()
            .fold(0u64, |sum, it| sum.wrapping_mul(31).wrapping_add(*it));
        let mut add = |it: u64| {
            sum = sum.wrapping_mul(31).wrapping_add(it);
            sum
        };
        let mut last = 0;
        for len in [4, 3, 3, 5, 4] {
            last = add(len);
        }
        add(if last & 1 == 0 { 13 } else { 42 });
        for it in [2 * counter, 400, 500, 12, 9] {
            add(it);
        }
        seed += 1;
        sum
    })
}

fn resolve(name: &str) -> Option<usize> {
    match name {
        "puts_counts" => Some(&raw const PUTS_COUNTS as usize),
        "far_function" => Some(far_function as *const () as usize),
        "maybe" => None,
        "_GLOBAL_OFFSET_TABLE_" => Some(0),
        other => {
            let name = std::ffi::CString::new(other).ok()?;
            // SAFETY: it only looks the name up.
            let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            (!address.is_null()).then(|| address.addr())
        }
    }
}

/// The object that a compiler makes, or `None` if there is no such compiler.
fn compile(compiler: &str, flags: &[&str], source: &str) -> Option<Vec<u8>> {
    let folder = std::env::temp_dir();
    let stem = format!(
        "martlet-{}-{compiler}{}",
        std::process::id(),
        flags.concat()
    );
    let [input, output]: [PathBuf; 2] = ["c", "o"].map(|it| folder.join(format!("{stem}.{it}")));
    std::fs::write(&input, source).expect("a temporary file");
    let status = Command::new(compiler)
        .args(flags)
        .arg("-c")
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .status();
    std::fs::remove_file(&input).expect("it is ours");
    let status = status.ok()?;
    assert!(status.success(), "{compiler}: {status}");
    let bytes = std::fs::read(&output).expect("the object");
    std::fs::remove_file(&output).expect("it is ours");
    Some(bytes)
}

#[test]
fn position_independent_code_of_every_level() {
    let mut n_compilers = 0;
    for compiler in ["cc", "clang-22", "clang"] {
        let mut is_there = false;
        for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
            for sections in ["-fno-function-sections", "-ffunction-sections"] {
                let flags = [level, sections, "-fPIC", "-fno-stack-protector"];
                let Some(object) = compile(compiler, &flags, SOURCE) else {
                    continue;
                };
                is_there = true;
                let runtime = runtime();
                let entry = entry(&runtime, 1, Strategy::IndirectCell);
                let object = Object {
                    resolve: &resolve,
                    ..Object::new(id(1, 1), Source::Elf(&object), ENTRY)
                };
                let code = runtime.publish(&object);
                let code = code.unwrap_or_else(|error| panic!("{compiler} {flags:?}: {error}"));
                entry.relink(&code).expect("the same identity");
                assert_eq!(
                    [call(&entry), call(&entry)],
                    expected(),
                    "{compiler} {flags:?}"
                );
            }
        }
        n_compilers += u32::from(is_there);
    }
    assert!(n_compilers > 0, "without a C compiler Rust does not link");
}

/// What this linker has no place for is refused by its name.
#[test]
fn what_is_not_supported_is_named() {
    let cases: [(&str, &[&str], &str); 4] = [
        (
            "_Thread_local int x; int body(void) { return x; }",
            &["-fPIC"],
            "thread-local section",
        ),
        (
            "extern _Thread_local int x; int body(void) { return x; }",
            &["-fPIC"],
            "R_X86_64_",
        ),
        (
            "int x; __attribute__((constructor)) static void f(void) { x = 1; } int body(void) { return x; }",
            &["-fPIC"],
            "init_array",
        ),
        (
            "extern int x; int *body(void) { return &x; }",
            &["-fno-pic", "-mcmodel=small", "-O1"],
            "R_X86_64_32",
        ),
    ];
    let runtime = runtime();
    for (source, flags, expected) in cases {
        let object =
            compile("cc", flags, source).expect("a C compiler, without which Rust does not link");
        let object = Object {
            resolve: &|_| Some(16),
            ..Object::new(id(1, 1), Source::Elf(&object), ENTRY)
        };
        let error = runtime.publish(&object).expect_err("it is refused");
        let (text, is_typed) = (
            error.to_string(),
            matches!(
                error,
                Error::BadObject(_) | Error::UnsupportedRelocation { .. }
            ),
        );
        assert!(is_typed && text.contains(expected), "{text}");
    }
}
