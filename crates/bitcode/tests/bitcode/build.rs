//! Builds of small C files.

use crate::support::{self, Case, GOOD, read};
use martlet_bitcode::Built;
use std::fs;
use std::path::Path;

/// A good file, with native code beside it.
fn good(case: &Case) -> Built {
    let build = case.build().file(case.file("good.c", GOOD));
    let state = case.file("state.c", "long counter = 1;\n");
    build
        .native_file(state)
        .native(true)
        .compile()
        .expect("good C")
}

#[test]
fn good_file_gives_bitcode_loader_and_archive() {
    let case = Case::new();
    let built = good(&case);
    let names: Vec<_> = built
        .helpers
        .iter()
        .map(|h| (h.name.as_str(), h.inline))
        .collect();
    assert_eq!(names, [("twice", true), ("slow", false), ("mixed", true)]);
    assert_eq!(built.helpers[0].ir_signature, "i64 (i64)");
    assert_eq!(
        built.helpers[1].signature,
        "__attribute__((noinline, cold)) long slow(long v)"
    );
    assert_eq!(built.helpers[1].doc, "Slow.");
    assert_eq!(built.variables, ["counter"]);
    assert!(built.externals.is_empty(), "{:?}", built.externals);
    assert_eq!(built.seal.llvm_major, 22);
    assert!(
        fs::read(&built.bitcode)
            .expect("bitcode")
            .starts_with(b"BC\xc0\xde")
    );
    assert!(built.archive.expect("a native build").is_file());
    let loader = read(&built.loader);
    assert!(
        loader.contains("fn twice();") && loader.contains("static counter: u8;"),
        "{loader}"
    );
}

#[test]
fn the_loader_compiles_and_finds_the_native_code() {
    let case = Case::new();
    let built = good(&case);
    let main = format!(
        "include!({:?});\nfn main() {{\n    assert_eq!(HELPERS.len(), 3);\n    \
         let (_, twice) = native_symbols().iter().find(|(name, _)| *name == \"twice\").unwrap();\n    \
         let twice: extern \"C\" fn(i64) -> i64 = unsafe {{ std::mem::transmute(*twice) }};\n    \
         println!(\"{{}} {{}}\", twice(21), SEAL.llvm_major);\n}}\n",
        built.loader
    );
    let program = case.dir.path().join("main");
    let rustc = std::process::Command::new("rustc")
        .arg("--edition=2024")
        .arg(case.file("main.rs", &main))
        .arg("-L")
        .arg(case.dir.path())
        .args(["-l", "static=t", "-o"])
        .arg(&program)
        .output()
        .expect("rustc runs");
    let errors = String::from_utf8_lossy(&rustc.stderr);
    assert!(
        rustc.status.success() && !errors.contains("warning: `extern`"),
        "{errors}"
    );
    let output = std::process::Command::new(program)
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42 22\n");
}

/// What is a name in C may be a word of Rust's.
#[test]
fn words_of_rust_are_names() {
    let case = Case::new();
    let source = "extern int type;\nint match(int v) { return v + type; }\nint self(void) { return 1; }\n\
                  int crate(void) { return 2; }\n";
    let built = case
        .build()
        .file(case.file("a.c", source))
        .native_file(case.file("state.c", "int type = 40;\n"))
        .native(true)
        .compile()
        .expect("good C");
    let main = format!(
        "include!({:?});\nfn main() {{\n    let call = |name| {{\n        \
         let (_, it) = native_symbols().iter().find(|it| it.0 == name).unwrap();\n        \
         let it: extern \"C\" fn(i32) -> i32 = unsafe {{ std::mem::transmute(*it) }};\n        it(2)\n    }};\n    \
         println!(\"{{}} {{}} {{}}\", call(\"match\"), call(\"self\"), call(\"crate\"));\n}}\n",
        built.loader
    );
    assert_eq!(case.program(&main, &["-l", "static=t"]), "42 1 2\n");
}

#[test]
fn headers_are_dependencies() {
    let case = Case::new();
    let header = case.file("shared.h", "#define TWO 2\n");
    let source = case.file(
        "a.c",
        "#include <shared.h>\nint two(void) { return TWO; }\n",
    );
    let built = case
        .build()
        .file(&source)
        .include(case.dir.path())
        .compile()
        .expect("good C");
    assert!(
        built.dependencies.contains(&header),
        "{:?}",
        built.dependencies
    );
    assert!(built.dependencies.contains(&source));
    assert_eq!(built.archive, None);
}

#[test]
fn what_is_taken_from_elsewhere_is_listed() {
    let case = Case::new();
    let source = "extern int table[3]; int there(int); int f(void) { return there(table[0]); }";
    let built = case
        .build()
        .file(case.file("a.c", source))
        .symbol("memset")
        .compile();
    let built = built.expect("good C");
    let names: Vec<_> = built.externals.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["memset", "table", "there"]);
}

/// A function that was compiled for a named processor is not inlined into one for another, and nobody says so.
#[test]
fn bitcode_inlines_whatever_the_processor() {
    let case = Case::new();
    let source = "int f(int v) { return v + __builtin_popcount(v); }";
    let built = case
        .build()
        .flag("-march=haswell")
        .file(case.file("a.c", source))
        .compile()
        .expect("good C");
    for cpu in ["generic", "x86-64"] {
        let caller = format!(
            "declare i32 @f(i32)\ndefine i32 @caller(i32 %v) \"target-cpu\"=\"{cpu}\" {{\n  \
             %r = call i32 @f(i32 %v)\n  ret i32 %r\n}}\n"
        );
        let caller = case.file("caller.ll", &caller);
        let both = case.dir.path().join("both.bc");
        let tool = |name| support::tool(&built.clang, name);
        run(&tool("llvm-link"), &[&caller, &built.bitcode], &both);
        let result = case.dir.path().join("out.ll");
        run(
            &tool("opt"),
            &[Path::new("-S"), Path::new("-passes=cgscc(inline)"), &both],
            &result,
        );
        let text = read(&result);
        assert!(!text.contains("call i32 @f("), "{cpu}: {text}");
    }
}

fn run(tool: &Path, args: &[&Path], output: &Path) {
    let done = std::process::Command::new(tool)
        .args(args)
        .arg("-o")
        .arg(output)
        .output();
    let done = done.expect("the tool can be run");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// LLVM makes calls of memset out of such loops.
#[test]
fn a_library_function_is_not_made_of_itself() {
    let case = Case::new();
    let source = "void bzero(void *p, unsigned long n) { char *c = p; for (unsigned long i = 0; i < n; i++) c[i] = 0; }\n\
                  unsigned long strlen(const char *s) { const char *e = s; while (*e) e++; return e - s; }\n";
    let built = case
        .build()
        .file(case.file("a.c", source))
        .compile()
        .expect("good C");
    let text = read(&case.dir.path().join("t.0.a.c.any.ll"));
    assert!(
        !text.contains("call i64 @strlen") && !text.contains("no-builtin"),
        "{text}"
    );
    assert_eq!(built.helpers.len(), 2);
}

#[test]
fn a_hash_is_of_one_function() {
    let case = Case::new();
    let hashes = |text: &str| {
        let built = case
            .build()
            .file(case.file("a.c", text))
            .compile()
            .expect("good C");
        let find = |name| {
            built
                .helpers
                .iter()
                .find(|it| it.name == name)
                .map(|it| it.hash)
        };
        (find("f"), find("g"))
    };
    let one = "const char *f(int v) { return v ? \"a\" : \"b\"; } int g(int *p) { return *p; }";
    let other = "const char *h(int v) { return v ? \"x\" : \"y\"; }\n__attribute__((noinline)) int i(void) { return 1; }\n";
    let (f, g) = hashes(one);
    assert_eq!(
        hashes(&format!("{other}{one}")),
        (f, g),
        "what stands before does not count"
    );
    let (changed, same) = hashes(&one.replace("\"b\"", "\"c\""));
    assert_eq!(same, g);
    assert_ne!(changed, f);
}

#[test]
fn commands_for_other_tools() {
    let case = Case::new();
    let file = case.file("a.c", "int f(void) { return X; }");
    case.build()
        .define("X", Some("\"1\"[0]"))
        .file(&file)
        .compile()
        .expect("good C");
    let text = read(&case.dir.path().join("compile_commands.json"));
    let file = format!("\"file\": \"{}\"", file.display());
    assert!(
        text.contains(&file) && text.contains(r#""-DX=\"1\"[0]""#),
        "{text}"
    );
}

#[cfg(feature = "bindgen")]
#[test]
fn bindings_carry_types_constants_and_comments() {
    let case = Case::new();
    case.file(
        "shape.h",
        "enum shape { CIRCLE, SQUARE = 5 };\n#define SIDES 4\nstruct point { double x, y; };\n",
    );
    let source = "#include \"shape.h\"\n/* How many sides. */\nint sides(enum shape s) { return s == SQUARE ? SIDES : 0; }\n\
                  double length(const struct point *p) { return p->x + p->y; }\n";
    let built = case
        .build()
        .file(case.file("a.c", source))
        .bindings(true)
        .native(true)
        .compile()
        .expect("good C");
    let main = format!(
        "include!({:?});\nfn main() {{\n    let p = c::point {{ x: 1.5, y: 2.0 }};\n    \
         let n = unsafe {{ c::sides(c::shape_SQUARE) }};\n    \
         println!(\"{{n}} {{}} {{}}\", c::SIDES, unsafe {{ c::length(&p) }});\n}}\n",
        built.loader
    );
    assert_eq!(case.program(&main, &["-l", "static=t"]), "4 4 3.5\n");
    assert!(read(&built.loader).contains("How many sides."));
}
