//! Builds of small C files, good and bad.

mod support;

use martlet_bitcode::{Build, Error};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const GOOD: &str = "
/* What is twice v. */
long twice(long v);
long twice(long v) { return v + v; }
extern long counter;
/* Slow. */
__attribute__((noinline, cold)) long slow(long v) { return v / counter; }
long mixed(long v) { return v > 3 ? twice(v) : slow(v); }
";

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Case {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("the directory can be written");
        path
    }

    fn build(&self) -> Build {
        Build::new("t")
            .out_dir(self.dir.path())
            .cargo_metadata(false)
    }

    /// What a Rust program prints.
    fn program(&self, main: &str, args: &[&str]) -> String {
        let program = self.dir.path().join("main");
        let rustc = std::process::Command::new("rustc")
            .arg("--edition=2024")
            .arg(self.file("main.rs", main))
            .arg("-L")
            .arg(self.dir.path())
            .args(args)
            .arg("-o")
            .arg(&program)
            .output()
            .expect("rustc runs");
        let errors = String::from_utf8_lossy(&rustc.stderr);
        assert!(rustc.status.success(), "{errors}");
        let output = std::process::Command::new(program)
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A program that prints a text, as a clang does when asked for its version.
    fn fake(&self, name: &str, says: &str) -> PathBuf {
        let path = self.file(name, &format!("#!/bin/sh\necho '{says}'\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the build wrote it")
}

#[test]
fn good_file_gives_bitcode_loader_and_archive() {
    let case = Case::new();
    let built = case
        .build()
        .file(case.file("good.c", GOOD))
        .native_file(case.file("state.c", "long counter = 1;\n"))
        .native(true)
        .compile()
        .expect("good C");
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
    let built = case
        .build()
        .file(case.file("good.c", GOOD))
        .native_file(case.file("state.c", "long counter = 1;\n"))
        .native(true)
        .compile()
        .expect("good C");
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

#[test]
fn c_error_carries_command_and_message() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("bad.c", "int f( { }\n"))
        .compile();
    let error = error.expect_err("that is not C");
    let text = error.to_string();
    assert!(matches!(error, Error::Tool { .. }), "{text}");
    assert!(
        text.contains("-emit-llvm") && text.contains("bad.c:1:"),
        "{text}"
    );
}

#[test]
fn c_warning_can_be_an_error() {
    let case = Case::new();
    let file = case.file("warn.c", "int f(void) { int unused; return 0; }\n");
    let error = case
        .build()
        .flag("-Wall")
        .flag("-Werror")
        .file(file)
        .compile();
    let text = error.expect_err("a variable is not used").to_string();
    assert!(text.contains("unused variable"), "{text}");
}

#[test]
fn wrong_major_names_both_versions() {
    let case = Case::new();
    let fake = case.fake("fake-clang", "Some clang version 15.0.7 (x)");
    let error = case
        .build()
        .clang(&fake)
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("15 is not 22");
    assert!(
        matches!(&error, Error::WrongClang { wanted: 22, path, .. } if *path == fake),
        "{error}"
    );
    assert!(error.to_string().contains("15.0.7"), "{error}");
}

#[test]
fn wrong_major_on_path_is_passed_over() {
    let case = Case::new();
    case.fake("clang", "clang version 19.1.1");
    let error = case
        .build()
        .search([case.dir.path()])
        .file(case.file("good.c", GOOD))
        .compile();
    let text = error.expect_err("19 is not 22").to_string();
    assert!(
        text.contains("clang 19.1.1") && text.contains("no `clang-22`"),
        "{text}"
    );
}

#[test]
fn no_clang_says_where_it_looked() {
    let case = Case::new();
    let error = case
        .build()
        .search([case.dir.path()])
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("there is none");
    assert!(
        matches!(error, Error::NoClang { wanted: 22, .. }),
        "{error}"
    );
}

#[test]
fn no_linker_says_where_it_looked() {
    let case = Case::new();
    let script = "#!/bin/sh\ncase \"$*\" in *--version*) echo 'clang version 22.1.8';; *) \
                  while [ $# -gt 0 ]; do case $1 in -MF) shift; echo 'x: x' > $1;; -o) shift; : > $1;; esac; shift; \
                  done;; esac\n";
    let fake = case.file("fake-clang", script);
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("mode");
    let empty: [&Path; 0] = [];
    let error = case
        .build()
        .clang(&fake)
        .search(empty)
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("there is no llvm-link");
    assert!(
        matches!(
            error,
            Error::NoTool {
                name: "llvm-link",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn one_name_in_two_files() {
    let case = Case::new();
    let first = case.file("a.c", "int f(void) { return 1; }\n");
    let second = case.file(
        "b.c",
        "int g(void) { return 1; }\nint f(void) { return 2; }\n",
    );
    let error = case
        .build()
        .file(first)
        .file(second)
        .compile()
        .expect_err("f is there twice");
    // The linker of bitcode sees it first.
    assert!(error.to_string().contains('f'), "{error}");
}

#[test]
fn a_missing_file() {
    let case = Case::new();
    let error = case.build().file(case.dir.path().join("none.c")).compile();
    assert!(matches!(error, Err(Error::File { .. })));
}

#[test]
fn a_c_error_names_both_versions() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("bad.c", "int f( { }\n"))
        .compile();
    let text = error.expect_err("that is not C").to_string();
    assert!(
        text.contains("clang 22.") && text.contains("for libLLVM 22"),
        "{text}"
    );
}

#[test]
fn declarations_have_to_agree_with_definitions() {
    let case = Case::new();
    for (declared, defined) in [
        ("long f(long);", "int f(long v) { return (int)v; }"),
        ("int f(int, int);", "int f(int v) { return v; }"),
        // The same type for LLVM, but the caller extends otherwise.
        ("int f(short);", "int f(unsigned short v) { return v; }"),
    ] {
        let user = case.file(
            "a.c",
            &format!(
                "{declared} int g(void) {{ return (int)f({}); }}",
                if declared.contains(", int") {
                    "1, 2"
                } else {
                    "1"
                }
            ),
        );
        let home = case.file("b.c", defined);
        let error = case.build().file(user).file(home).compile();
        let error = error.expect_err("they say two things");
        assert!(
            matches!(&error, Error::Disagree { name, .. } if name == "f"),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains("a.c") && text.contains("b.c"), "{text}");
    }
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

#[test]
fn structures_that_no_file_uses_are_not_sealed() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("a.c", GOOD))
        .layouts(["struct other"])
        .compile();
    assert!(matches!(error, Err(Error::NoStructure(_))), "{error:?}");
}

/// What runs has another layout than the header said: the answer names structure and member.
#[test]
fn a_doctored_header_is_found_out() {
    let case = Case::new();
    let source = "#include \"object.h\"\nlong f(struct object *o) { return o->count; }\n\
                  struct own { int x; }; int g(struct own *o) { return o->x; }\n";
    let program = |members: &str| {
        case.file("object.h", &format!("struct object {{ {members} }};\n"));
        let built = case
            .build()
            .file(case.file("a.c", source))
            .layouts(["struct object", "struct own"])
            .compile()
            .expect("good C");
        let main = format!(
            "include!({:?});\n
             struct Real;
             impl LayoutProbe for Real {{
                 fn size(&self, name: &str) -> Option<u64> {{ (name == \"struct object\").then_some(16) }}
                 fn offset(&self, name: &str, field: &str) -> Option<u64> {{
                     (name == \"struct object\" && field == \"count\").then_some(8)
                 }}
             }}
             fn main() {{
                 match SEAL.check_layout(&Real) {{
                     Ok(unchecked) => println!(\"unchecked: {{unchecked:?}}\"),
                     Err(error @ LayoutError::Offset {{ .. }}) => println!(\"offset: {{error}}\"),
                     Err(error) => println!(\"{{error}}\"),
                 }}
             }}\n",
            built.loader
        );
        case.program(&main, &[])
    };
    assert_eq!(
        program("void *type; long count;"),
        "unchecked: [\"struct own\"]\n"
    );
    assert_eq!(
        program("long count; void *type;"),
        "offset: `count` of `struct object` is at 8, but the bitcode was built for 0\n"
    );
    assert_eq!(
        program("void *type; long more; long count;"),
        "`struct object` has 16 bytes, but the bitcode was built for 24\n"
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
